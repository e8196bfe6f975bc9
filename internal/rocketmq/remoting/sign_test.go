package remoting

import (
	"maps"
	"testing"
)

// The expected signatures were computed with openssl dgst -sha1 -hmac.
func TestSignature(t *testing.T) {
	for name, c := range map[string]struct {
		credentials Credentials
		fields      map[string]string
		body, want  string
	}{
		"fields": {
			Credentials{"ak", "sk", ""},
			map[string]string{"topic": "orders", "group": "billing", "timestamp": "-1"}, "",
			"AFlX0A0QoFqxGpmh1p9/CTnqeCQ=",
		},
		"security token and body": {
			Credentials{"ak", "sk", "token"},
			map[string]string{"b": "2", "a": "1"}, "body",
			"GJhqfUjsqNk7wM6XspbvpyX4cv4=",
		},
		"no field": {Credentials{"ak", "sk", ""}, nil, "", "AL2pakQ4gJnpWeA42COL+SacNKk="},
	} {
		t.Run(name, func(t *testing.T) {
			before := maps.Clone(c.fields)
			got := c.credentials.sign(c.fields, []byte(c.body))
			if got["Signature"] != c.want {
				t.Errorf("got %s, want %s", got["Signature"], c.want)
			}
			if got["AccessKey"] != "ak" || got["SecurityToken"] != c.credentials.SecurityToken {
				t.Errorf("got %v", got)
			}
			if !maps.Equal(before, c.fields) {
				t.Errorf("the caller's fields became %v", c.fields)
			}
			if again := c.credentials.sign(got, []byte(c.body)); again["Signature"] != c.want {
				t.Error("a signature was signed")
			}
		})
	}
}

func TestNames(t *testing.T) {
	for ordinal, want := range map[int]string{
		407: "V4_9_7", 413: "V5_0_0", 433: "V5_1_0", 435: "V5_1_1", 453: "V5_2_0", 513: "V5_5_0", 512: "V5_5_0_SNAPSHOT",
		213: "V4_0_0", 611: "V5_9_9", 612: "version 612", 31: "version 31", -1: "version -1",
	} {
		if got := VersionName(ordinal); got != want {
			t.Errorf("%d: got %s, want %s", ordinal, got, want)
		}
	}
	if RequestName(222) != "INVOKE_BROKER_TO_RESET_OFFSET" || RequestName(9999) != "request 9999" || ResponseName(9999) != "" {
		t.Error("names")
	}
}
