// Package apsaramq resets consumer groups of Alibaba Cloud's ApsaraMQ for
// RocketMQ 5 through its API of version 2022-08-01. It resets
// one instance at a time and must not know Terraform's schemas or RocketMQ's
// own protocol.
package apsaramq

import (
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/managed"
)

// Config says where the service is and who asks. Empty fields are the
// defaults.
type Config struct {
	// Region is the service's region, such as "cn-hangzhou". Needed unless
	// Endpoint is given.
	Region string
	// Endpoint is the service's address, "host", "host:port" or
	// "https://host:port". The default is rocketmq.{region}.aliyuncs.com.
	Endpoint string

	// AccessKey, SecretKey and SecurityToken are one set: the token belongs to
	// keys from STS. If they are empty, Credentials is asked.
	AccessKey, SecretKey, SecurityToken string
	// Credentials finds keys when none are given. The default is the vendor's
	// chain, DefaultCredentials.
	Credentials CredentialSource

	CACert         string        // PEM text or a file's name; trusted beside the system's roots
	RequestTimeout time.Duration // of one request; managed.DefaultTimeout if zero
	Retry          managed.Retry
	Proxy          func(*http.Request) (*url.URL, error) // nil means the environment's proxies
	UserAgent      string
	Clock          clock.Clock // the machine's if nil
	Log            managed.Logger
}

// Client calls the service for all instances of one region. It is safe for
// concurrent use and opens no connection until it is used.
type Client struct {
	base        *url.URL
	http        *managed.Client
	credentials CredentialSource
	clock       clock.Clock
	timeout     time.Duration
}

var regionName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// New returns a client. The error is a *managed.ConfigError that names the
// setting at fault.
func New(cfg Config) (*Client, error) {
	base, err := endpoint(cfg)
	if err != nil {
		return nil, err
	}
	keys := Credentials{AccessKey: cfg.AccessKey, SecretKey: cfg.SecretKey, SecurityToken: cfg.SecurityToken}
	if err := keys.Check(); err != nil {
		return nil, err
	}
	c, err := managed.NewClient(managed.Options{
		CA: cfg.CACert, Timeout: cfg.RequestTimeout, Retry: cfg.Retry, Log: cfg.Log, Proxy: cfg.Proxy, UserAgent: cfg.UserAgent,
	})
	if err != nil {
		return nil, err
	}
	client := &Client{base: base, http: c, clock: cfg.Clock, timeout: cfg.RequestTimeout}
	if client.clock == nil {
		client.clock = clock.System{}
	}
	if client.timeout <= 0 {
		client.timeout = managed.DefaultTimeout
	}
	client.credentials = keys.Source(cfg.Credentials, DefaultCredentials)
	return client, nil
}

// endpoint returns the base of all addresses.
func endpoint(cfg Config) (*url.URL, error) {
	address := cfg.Endpoint
	if address == "" {
		if cfg.Region == "" {
			return nil, &managed.ConfigError{Field: "region", Detail: "Neither region nor endpoint is given, so the service's address is not known."}
		}
		if !regionName.MatchString(cfg.Region) {
			return nil, &managed.ConfigError{Field: "region", Detail: "A region is written in lower case, such as \"cn-hangzhou\"."}
		}
		address = "rocketmq." + cfg.Region + ".aliyuncs.com"
	}
	return managed.Endpoint(address)
}

// Close closes the connections that are open and idle.
func (c *Client) Close() { c.http.Close() }

// Instance returns the engine of one instance, such as "rmq-cn-tl32ue44x0g".
func (c *Client) Instance(id string) *Instance { return &instance{client: c, id: id} }

// Environment lists which variables fill which setting, the first that is set
// winning. The access keys are one set: none of them is taken from the
// environment if any of them is configured.
var Environment = []managed.Variable{
	{Field: "region", Names: []string{"ALIBABA_CLOUD_REGION", "ALIBABA_CLOUD_REGION_ID"}},
	{Field: "endpoint", Names: []string{"ALIBABA_CLOUD_ENDPOINT_ROCKETMQ"}},
	{Field: "access_key", Names: []string{"ALIBABA_CLOUD_ACCESS_KEY_ID"}},
	{Field: "secret_key", Names: []string{"ALIBABA_CLOUD_ACCESS_KEY_SECRET"}},
	{Field: "security_token", Names: []string{"ALIBABA_CLOUD_SECURITY_TOKEN"}},
}

// FromEnvironment returns the configuration with its empty fields filled from
// the environment. The other variables of the vendor's tools, for OIDC, a
// profile, a RAM role and a credentials URI, are read by DefaultCredentials.
func FromEnvironment(cfg Config, getenv func(string) string) Config {
	value := func(field string) string { return managed.Lookup(Environment, field, getenv) }
	if cfg.Region == "" {
		cfg.Region = value("region")
	}
	if cfg.Endpoint == "" {
		cfg.Endpoint = value("endpoint")
	}
	if cfg.AccessKey == "" && cfg.SecretKey == "" && cfg.SecurityToken == "" && cfg.Credentials == nil {
		// Half a set is left to the chain, which says what it misses.
		if access, secret := value("access_key"), value("secret_key"); access != "" && secret != "" {
			cfg.AccessKey, cfg.SecretKey, cfg.SecurityToken = access, secret, value("security_token")
		}
	}
	return cfg
}
