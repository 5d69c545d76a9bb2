package remote

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// An Endpoint is one NATS server through which a region can be asked.
type Endpoint struct {
	Region string // as given in front of the URL; "" if the server is to be asked
	URL    string
}

// ParseEndpoints reads a list such as "nats://10.0.0.1:4222" or
// "eu=10.0.0.1:4222"; an element may itself be such a list, parted by commas.
func ParseEndpoints(list []string) ([]Endpoint, error) {
	var endpoints []Endpoint
	for _, element := range strings.Split(strings.Join(list, ","), ",") {
		element = strings.TrimSpace(element)
		if element == "" {
			continue
		}
		e, err := parseEndpoint(element)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(endpoints, e) {
			endpoints = append(endpoints, e)
		}
	}
	if len(endpoints) == 0 {
		return nil, fmt.Errorf("no endpoint is given; name one of every region, as in nats://127.0.0.1:4222")
	}
	return endpoints, nil
}

func parseEndpoint(element string) (Endpoint, error) {
	region, address, paired := strings.Cut(element, "=")
	if !paired {
		region, address = "", element
	}
	if !strings.Contains(address, "://") {
		address = "nats://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || paired && region == "" {
		return Endpoint{}, fmt.Errorf("%q is no endpoint; write host:port, nats://host:port or region=host:port", redact(element))
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), "4222")
	}
	return Endpoint{Region: region, URL: u.String()}, nil
}

// String shows the endpoint without its password.
func (e Endpoint) String() string {
	u, err := url.Parse(e.URL)
	if err != nil {
		return redact(e.URL)
	}
	u.User = nil
	return u.String()
}

// redact hides what stands before the @ in something that is no URL.
func redact(s string) string {
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		return "…" + s[at:]
	}
	return s
}
