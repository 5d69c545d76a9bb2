package transport_test

import (
	"strings"
	"testing"

	"github.com/atollcache/atoll/transport"
)

func TestNamesAreOneSubjectToken(t *testing.T) {
	for name, valid := range map[string]bool{
		"eu": true, "eu-west_1": true, "N1": true, strings.Repeat("a", 64): true,
		"": false, "eu.west": false, "*": false, ">": false, "eu west": false, "eu\r\n": false, "é": false,
		strings.Repeat("a", 65): false,
	} {
		err := transport.ValidateName("region", name)
		if (err == nil) != valid {
			t.Errorf("ValidateName(%q) = %v, want valid = %v", name, err, valid)
		}
		if err != nil && !strings.Contains(err.Error(), "region") {
			t.Errorf("ValidateName(%q) = %q, which does not say what is named", name, err)
		}
	}
}

func TestAddressValidatesBothParts(t *testing.T) {
	if err := (transport.Address{Region: "eu", Node: "n1"}).Validate(); err != nil {
		t.Error(err)
	}
	if err := (transport.Address{Region: "eu.", Node: "n1"}).Validate(); err == nil || !strings.Contains(err.Error(), `region "eu."`) {
		t.Errorf("a bad region gave %v", err)
	}
	if err := (transport.Address{Region: "eu", Node: "n 1"}).Validate(); err == nil || !strings.Contains(err.Error(), `node "n 1"`) {
		t.Errorf("a bad node gave %v", err)
	}
}
