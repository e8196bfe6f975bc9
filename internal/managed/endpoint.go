package managed

import (
	"errors"
	"net/url"
	"strings"
)

// Variable says which environment variables fill a setting, the first that is
// set winning.
type Variable struct {
	Field string
	Names []string
}

// Lookup returns the value of the first variable that is set for a setting.
func Lookup(table []Variable, field string, getenv func(string) string) string {
	for _, v := range table {
		if v.Field != field {
			continue
		}
		for _, name := range v.Names {
			if value := getenv(name); value != "" {
				return value
			}
		}
	}
	return ""
}

// Endpoint returns the base address that "host", "host:port" or
// "https://host:port" means. Plain HTTP is refused: it would show tokens to
// the network and could not tell who answers. The error is a *ConfigError.
func Endpoint(address string) (*url.URL, error) {
	wrong := func(detail string) (*url.URL, error) {
		return nil, &ConfigError{Field: "endpoint", Detail: detail}
	}
	scheme, rest, found := strings.Cut(address, "://")
	if !found {
		rest = address
	} else if !strings.EqualFold(scheme, "https") {
		return wrong("Only https is spoken; leave the scheme out or write \"https://\".")
	}
	u, err := url.Parse("https://" + strings.TrimSuffix(rest, "/"))
	if err != nil || u.Hostname() == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return wrong("An endpoint is \"host\" or \"host:port\", with nothing behind it.")
	}
	return u, nil
}

// Address returns the address below a base whose path has these segments and
// whose query has these names and values, sorted by name as the signatures
// want it. Each is encoded by Escape. It refuses what CheckSegment refuses.
func Address(base *url.URL, path []string, query [][2]string) (*url.URL, error) {
	var encoded, plain strings.Builder
	for _, segment := range path {
		if fault := CheckSegment(segment); fault != "" {
			return nil, errors.New("a name in the request's path " + fault)
		}
		encoded.WriteString("/" + Escape(segment))
		plain.WriteString("/" + segment)
	}
	u := *base
	u.Path, u.RawPath = plain.String(), encoded.String()
	pairs := make([]string, len(query))
	for i, q := range query {
		pairs[i] = Escape(q[0]) + "=" + Escape(q[1])
	}
	u.RawQuery = strings.Join(pairs, "&")
	return &u, nil
}
