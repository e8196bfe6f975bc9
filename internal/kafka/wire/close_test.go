package wire

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// A login that waits for a KDC cannot be ended. Neither a close nor the request
// that wants it waits for it, and it gives up by itself.
func TestCloseLeavesBehindALoginThatWaitsForAKDC(t *testing.T) {
	f := orders(t, 1)
	f.ControlKey(17, func(r kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		resp := r.ResponseKind().(*kmsg.SASLHandshakeResponse)
		resp.SupportedMechanisms = []string{connection.GSSAPI}
		return resp, nil, true
	})
	asked := make(chan struct{}, 10)
	kdc := peer(t, func(c net.Conn) {
		asked <- struct{}{}
		buf := make([]byte, 4096)
		for {
			if _, err := c.Read(buf); err != nil {
				return
			}
		}
	})
	krb5 := filepath.Join(t.TempDir(), "krb5.conf")
	text := "[libdefaults]\n dns_lookup_kdc = false\n udp_preference_limit = 1\n[realms]\n EXAMPLE.ORG = {\n  kdc = " + kdc + "\n }\n"
	if err := os.WriteFile(krb5, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := connect(t, f.Bootstrap(), func(c *connection.Config) {
		c.SASL = &connection.SASL{Mechanism: connection.GSSAPI, Username: "u", Password: "of-a-silent-kdc", KerberosRealm: "EXAMPLE.ORG", KerberosConfig: krb5}
	})
	c.Times.Request = time.Hour
	failed := make(chan error, 1)
	go func() { _, err := c.Metadata(context.Background(), []string{"orders"}); failed <- err }()
	<-asked
	began := time.Now()
	c.Close()
	within(t, began, closeWithin+time.Second)
	select {
	case err := <-failed:
		wantError(t, err, offset.Unreachable, "client is closed")
	default:
		t.Error("a request still waits")
	}
	c.running.Wait()
	within(t, began, 10*time.Second)
}
