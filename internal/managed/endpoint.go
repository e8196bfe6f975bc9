package managed

import (
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
