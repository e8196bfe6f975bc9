package connection

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/IBM/sarama"
	"github.com/jcmturner/gokrb5/v8/krberror"
)

// What no broker at hand says.
func TestExplain(t *testing.T) {
	broken := func(s stage, err error) error { return &ConnError{Address: "b:9092", stage: s, Err: err} }
	alert := func(a tls.AlertError) error {
		return broken(stageGreeting, &net.OpError{Op: "remote error", Err: errors.New(a.Error())})
	}
	tests := []struct {
		err              error
		sentence, advice string
		denied           bool
	}{
		{broken(stageConnect, context.DeadlineExceeded), "The broker b:9092 does not answer", "advertised.listeners", false},
		{broken(stageConnect, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EHOSTUNREACH)}), "no way to its network", "VPN", false},
		{broken(stageWork, os.ErrDeadlineExceeded), "does not answer in time", "request_timeout", false},
		{broken(stageWork, io.EOF), "closed the connection", "try again", false},
		{broken(stageWork, os.NewSyscallError("read", syscall.ECONNRESET)), "closed the connection", "try again", false},
		{broken(stageLogin, io.EOF), "during the login", "sasl", true},
		{broken(stageLogin, os.ErrDeadlineExceeded), "does not answer in time", "request_timeout", false},
		{broken(stageWork, net.ErrClosed), "The connection to the broker b:9092 was closed", "", false},
		{&ConnError{Address: "b:9092", stage: stageGreeting, tls: true, Err: io.EOF}, "before it said anything", "client certificate", false},
		{sarama.ErrNotConnected, "The connection to the broker was closed", "", false},
		{alert(tls.AlertError(alertUnknownCA)), "refused the client certificate: unknown certificate authority", "tls.client_cert", true},
		{alert(tls.AlertError(alertCertificateExpired)), "refused the client certificate", "expired", true},
		{alert(tls.AlertError(alertUnrecognizedName)), "does not know the name", "tls.server_name", false},
		{alert(tls.AlertError(alertProtocolVersion)), "no TLS version or cipher in common", "TLS 1.2", false},
		{alert(tls.AlertError(80)), "ended TLS: internal error", "", false},
		{broken(stageTLS, x509.CertificateInvalidError{Cert: &x509.Certificate{}, Reason: x509.NotAuthorizedToSign}), "cannot be used", "issued anew", false},
		{sarama.ErrGroupAuthorizationFailed, "lacks a right on the group", "READ", true},
		{sarama.ErrTopicAuthorizationFailed, "lacks a right on the topic", "READ", true},
		{sarama.ErrClusterAuthorizationFailed, "lacks a right on the cluster", "READ", true},
		{sarama.ErrUnsupportedVersion, "does not know this request", "kafka_version", false},
		{krberror.New(krberror.KDCError, "KDC_ERR_PREAUTH_FAILED"), "Kerberos", "or key", true},
		{krberror.New(krberror.ConfigError, "no realm"), "Kerberos", "krb5.conf", false},
		{&fs.PathError{Op: "open", Path: "/x", Err: syscall.ENOENT}, "The file /x cannot be read", "path", false},
		{errors.New("something else"), "Something else", "", false},
	}
	for _, test := range tests {
		for _, err := range []error{test.err, fmt.Errorf("describe group: %w", test.err)} {
			if sentence, advice := Explain(err); sentence == "" || (advice == "") != (test.advice == "") {
				t.Errorf("%v: %q, %q", err, sentence, advice)
			}
			if Unauthorized(err) != test.denied {
				t.Errorf("unauthorized is %t for %v", !test.denied, err)
			}
		}
		explained(t, test.err, test.sentence, test.advice)
	}
	if sentence, advice := Explain(nil); sentence != "" || advice != "" || Unauthorized(nil) {
		t.Error("nil is explained")
	}
}
