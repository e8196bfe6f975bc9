package connection

import (
	"crypto/tls"

	"github.com/IBM/sarama"
	"github.com/rcrowley/go-metrics"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/pemtext"
)

// Open returns the client's configuration and the Dialer that owns its
// connections. It dials nothing. The error is of type *ConfigError.
//
// The configuration is for sarama's Broker, and leaves every repetition to the
// caller: sarama retries nothing, refreshes nothing and creates no topic. TLS
// is the Dialer's, so Net.TLS is off. A request goes out in the newest version
// that both sides know; one that the broker does not have at all fails with
// sarama.ErrUnsupportedVersion before it is sent, and leaves the connection
// usable.
//
// The caller ends with Dialer.CloseAll, then Broker.Close for each broker. A
// nil logger drops the log.
func Open(c Config, logger Logger) (*sarama.Config, *Dialer, error) {
	if ps := c.Validate(); len(ps) > 0 {
		return nil, nil, &ConfigError{Problems: ps}
	}
	conf := sarama.NewConfig()
	version, err := parseVersion(c.Version)
	if err != nil {
		return nil, nil, problem("kafka_version", "%s", err)
	}
	conf.Version = version
	conf.ApiVersionsRequest = true
	conf.ClientID = c.ClientID
	if conf.ClientID == "" {
		conf.ClientID = DefaultClientID
	}
	conf.MetricRegistry = noMetrics{metrics.NewRegistry()}

	conf.Net.DialTimeout = min(c.Timeout(), dialTimeout)
	conf.Net.ReadTimeout = c.Timeout()
	conf.Net.WriteTimeout = c.Timeout()
	conf.Admin.Retry.Max = 0
	conf.Metadata.Full = false
	conf.Metadata.RefreshFrequency = 0
	conf.Metadata.Retry.Max = 0
	conf.Metadata.AllowAutoTopicCreation = false

	var secure *tls.Config
	if c.TLS != nil {
		if secure, err = c.TLS.config(); err != nil {
			return nil, nil, err
		}
	}
	c.addSecrets()
	catchPanics()
	dialer := newDialer(c.Timeout(), secure, c.SASL != nil, listen(logger))
	if c.Dial != nil {
		dialer.open = c.Dial
	}
	conf.Net.Proxy.Enable = true
	conf.Net.Proxy.Dialer = dialer
	if c.SASL != nil {
		if err := c.SASL.configure(conf, dialer, c.TLS); err != nil {
			dialer.CloseAll()
			return nil, nil, err
		}
	}
	if err := conf.Validate(); err != nil {
		dialer.CloseAll()
		return nil, nil, problem("kafka", "%s", Mask(err.Error()))
	}
	return conf, dialer, nil
}

// addSecrets makes everything that must not be seen known to Mask.
func (c Config) addSecrets() {
	if c.TLS != nil && pemtext.Is(c.TLS.ClientKey) {
		addSecrets(c.TLS.ClientKey)
	}
	s := c.SASL
	if s == nil {
		return
	}
	addSecrets(s.Password, s.Token, s.ClientSecret, s.AWSSecretAccessKey, s.AWSSessionToken)
	if s.Password != "" {
		addSecrets("\x00" + s.Username + "\x00" + s.Password) // as PLAIN sends it
	}
	if s.ClientSecret != "" {
		addSecrets(basicAuth(s.ClientID, s.ClientSecret))
	}
}

// noMetrics keeps no metrics. Sarama's would take a timer, a goroutine for the
// process and a reservoir of samples for each broker. (metrics.UseNilMetrics
// does the same, for the whole process and not before it was ever used.)
type noMetrics struct{ metrics.Registry }

// Sarama counts what it fetches in the default registry too, each time that it
// measures a request's size.
func init() { metrics.DefaultRegistry = noMetrics{metrics.NewRegistry()} }

// GetOrRegister returns a metric that ignores what it is told.
func (r noMetrics) GetOrRegister(name string, metric any) any {
	switch metric.(type) {
	case func() metrics.Meter:
		return metrics.NilMeter{}
	case func() metrics.Histogram:
		return metrics.NilHistogram{}
	case func() metrics.Counter:
		return metrics.NilCounter{}
	}
	return r.Registry.GetOrRegister(name, metric)
}
