package replica

// JoinSessions gives a token that has seen what each of the tokens has: those
// that came back from commands of one session that ran side by side.
func JoinSessions(cluster string, tokens ...[]byte) ([]byte, error) {
	var all session
	for _, token := range tokens {
		s, err := decodeSession(token, cluster)
		if err != nil {
			return nil, err
		}
		all.join(&s)
	}
	return all.encode(cluster), nil
}
