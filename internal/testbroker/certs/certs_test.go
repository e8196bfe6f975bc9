package certs

import (
	"crypto/tls"
	"net"
	"testing"
)

func TestIssuedCertificatesVerifyBothWays(t *testing.T) {
	ca, err := NewAuthority("authority")
	if err != nil {
		t.Fatal(err)
	}
	pair := func(name string, hosts ...string) tls.Certificate {
		c, err := ca.Issue(name, hosts...)
		if err != nil {
			t.Fatal(err)
		}
		p, err := c.TLS()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	near, far := net.Pipe()
	server := tls.Server(near, &tls.Config{
		Certificates: []tls.Certificate{pair("broker", "127.0.0.1", "localhost")},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool(), MinVersion: tls.VersionTLS12,
	})
	client := tls.Client(far, &tls.Config{
		Certificates: []tls.Certificate{pair("alice")}, RootCAs: ca.Pool(),
		ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12,
	})
	done := make(chan error, 1)
	go func() { done <- server.HandshakeContext(t.Context()) }()
	if err := client.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := server.ConnectionState().PeerCertificates[0].Subject.CommonName; got != "alice" {
		t.Errorf("client is %q", got)
	}
	for _, end := range []net.Conn{near, far} { // below TLS, whose farewell nobody would read
		if err := end.Close(); err != nil {
			t.Error(err)
		}
	}
}
