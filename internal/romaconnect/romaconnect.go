// Package romaconnect resets consumer groups of Huawei Cloud's ROMA Connect
// and of its sibling DMS for Kafka through their APIs of version 2. It resets
// one instance at a time and must not know Terraform's schemas or Kafka's own
// protocol.
package romaconnect

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/managed"
)

// Service says which of the two services an instance belongs to.
type Service string

// The services.
const (
	ROMA Service = "roma" // ROMA Connect's message queue service; the default
	DMS  Service = "dms"  // Distributed Message Service for Kafka
)

// Either stands for one of the two, in Check, while it is not known which.
const Either Service = "either"

// DefaultEngine is the engine of all instances whose API this package knows.
const DefaultEngine = "kafka"

// defaultPoll is the pause between two looks at a group that is being waited
// for.
const defaultPoll = 2 * time.Second

// Config says where the service is and who asks. Empty fields are the
// defaults.
type Config struct {
	Service Service // ROMA if empty
	Engine  string  // the path's {engine}; DefaultEngine if empty. DMS for Kafka knows no other
	// Region is the service's region, such as "cn-north-4". Needed unless
	// Endpoint is given.
	Region string
	// Endpoint is the service's address, "host", "host:port" or
	// "https://host:port". The default is roma.{region}.myhuaweicloud.com, or
	// dms.….
	Endpoint  string
	ProjectID string // needed

	// AccessKey, SecretKey and SecurityToken are one set: the token belongs to
	// temporary keys.
	AccessKey, SecretKey, SecurityToken string
	// AuthToken is a token from IAM, sent as it is instead of a signature.
	AuthToken string
	// Credentials finds keys when none are given. The default asks the ECS
	// instance's metadata for those of its agency: InstanceCredentials.
	Credentials CredentialSource

	CACert         string        // PEM text or a file's name; trusted beside the system's roots
	RequestTimeout time.Duration // of one request; managed.DefaultTimeout if zero
	PollInterval   time.Duration // between two looks at a group that is waited for; 2 s if zero
	Retry          managed.Retry
	Proxy          func(*http.Request) (*url.URL, error) // nil means the environment's proxies
	UserAgent      string
	Clock          clock.Clock // the machine's if nil
	Log            managed.Logger
}

// Client calls the service for all instances of one project. It is safe for
// concurrent use and opens no connection until it is used.
type Client struct {
	service     Service
	engine      string
	project     string
	base        *url.URL
	http        *managed.Client
	token       string
	credentials CredentialSource
	clock       clock.Clock
	timeout     time.Duration
	poll        time.Duration
}

var plainName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// New returns a client. The error is a *managed.ConfigError that names the
// setting at fault.
func New(cfg Config) (*Client, error) {
	switch cfg.Service {
	case "":
		cfg.Service = ROMA
	case ROMA, DMS:
	default:
		return nil, &managed.ConfigError{Field: "service", Detail: "The service is \"roma\" or \"dms\"."}
	}
	if cfg.Engine == "" {
		cfg.Engine = DefaultEngine
	}
	switch {
	case !plainName.MatchString(cfg.Engine):
		return nil, &managed.ConfigError{Field: "engine", Detail: "An engine is written in lower case, such as \"kafka\"."}
	case cfg.Service == DMS && cfg.Engine != DefaultEngine:
		return nil, &managed.ConfigError{Field: "engine", Detail: "DMS for Kafka knows only the engine \"kafka\"."}
	case cfg.ProjectID == "":
		return nil, &managed.ConfigError{Field: "project_id", Detail: "No project id is given."}
	case managed.CheckSegment(cfg.ProjectID) != "":
		return nil, &managed.ConfigError{Field: "project_id", Detail: "The project id " + managed.CheckSegment(cfg.ProjectID)}
	case cfg.AuthToken != "" && (cfg.AccessKey != "" || cfg.SecretKey != "" || cfg.SecurityToken != ""):
		return nil, &managed.ConfigError{Field: "auth_token", Detail: "Give either auth_token or access keys, not both."}
	case strings.ContainsAny(cfg.AuthToken, "\r\n"):
		return nil, &managed.ConfigError{Field: "auth_token", Detail: "The token holds a line break; take it without one."}
	}
	keys := Credentials{AccessKey: cfg.AccessKey, SecretKey: cfg.SecretKey, SecurityToken: cfg.SecurityToken}
	if err := keys.Check(); err != nil {
		return nil, err
	}
	base, err := endpoint(cfg)
	if err != nil {
		return nil, err
	}
	c, err := managed.NewClient(managed.Options{
		CA: cfg.CACert, Timeout: cfg.RequestTimeout, Retry: cfg.Retry, Log: cfg.Log, Proxy: cfg.Proxy, UserAgent: cfg.UserAgent,
	})
	if err != nil {
		return nil, err
	}
	c.Redactor.Add(cfg.AuthToken)
	client := &Client{
		service: cfg.Service, engine: cfg.Engine, project: cfg.ProjectID, base: base, http: c, token: cfg.AuthToken,
		clock: cfg.Clock, timeout: cfg.RequestTimeout, poll: cfg.PollInterval,
	}
	if client.clock == nil {
		client.clock = clock.System{}
	}
	if client.timeout <= 0 {
		client.timeout = managed.DefaultTimeout
	}
	if client.poll <= 0 {
		client.poll = defaultPoll
	}
	client.credentials = keys.Source(cfg.Credentials, func() CredentialSource {
		return InstanceCredentials(metadataAddress, client.clock)
	})
	return client, nil
}

// endpoint returns the base of all addresses.
func endpoint(cfg Config) (*url.URL, error) {
	if cfg.Endpoint != "" {
		return managed.Endpoint(cfg.Endpoint)
	}
	if cfg.Region == "" {
		return nil, &managed.ConfigError{Field: "region", Detail: "Neither region nor endpoint is given, so the service's address is not known."}
	}
	if !plainName.MatchString(cfg.Region) {
		return nil, &managed.ConfigError{Field: "region", Detail: "A region is written in lower case, such as \"cn-north-4\"."}
	}
	domain := "myhuaweicloud.com"
	if cfg.Region == "eu-west-101" { // the one region of the vendor's European company
		domain = "myhuaweicloud.eu"
	}
	return managed.Endpoint(string(cfg.Service) + "." + cfg.Region + "." + domain)
}

// Close closes the connections that are open and idle.
func (c *Client) Close() { c.http.Close() }

// Instance returns the engine of one instance.
func (c *Client) Instance(id string) *Instance { return &instance{client: c, id: id} }

// Environment lists which variables fill which setting, the first that is set
// winning: those of the vendor's Terraform provider, then those of its SDKs.
// The access keys are one set and come from one of the two families.
var Environment = []managed.Variable{
	{Field: "region", Names: []string{"HW_REGION_NAME"}},
	{Field: "project_id", Names: []string{"HW_PROJECT_ID", "HUAWEICLOUD_SDK_PROJECT_ID"}},
	{Field: "access_key", Names: []string{"HW_ACCESS_KEY", "HUAWEICLOUD_SDK_AK"}},
	{Field: "secret_key", Names: []string{"HW_SECRET_KEY", "HUAWEICLOUD_SDK_SK"}},
	{Field: "security_token", Names: []string{"HW_SECURITY_TOKEN", "HUAWEICLOUD_SDK_SECURITY_TOKEN"}},
	{Field: "auth_token", Names: []string{"HW_AUTH_TOKEN"}},
}

// FromEnvironment returns the configuration with its empty fields filled from
// the environment. None of the keys and tokens is taken if any of them is
// configured. HW_AUTH_TOKEN, which whoever receives it can use, goes only to
// the vendor's own hosts, not to an endpoint from the configuration.
func FromEnvironment(cfg Config, getenv func(string) string) Config {
	configured := cfg.AccessKey != "" || cfg.SecretKey != "" || cfg.SecurityToken != "" || cfg.AuthToken != "" || cfg.Credentials != nil
	if cfg.Region == "" {
		cfg.Region = managed.Lookup(Environment, "region", getenv)
	}
	if cfg.ProjectID == "" {
		cfg.ProjectID = managed.Lookup(Environment, "project_id", getenv)
	}
	if configured {
		return cfg
	}
	for _, family := range [][3]string{
		{"HW_ACCESS_KEY", "HW_SECRET_KEY", "HW_SECURITY_TOKEN"},
		{"HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", "HUAWEICLOUD_SDK_SECURITY_TOKEN"},
	} {
		if access, secret := getenv(family[0]), getenv(family[1]); access != "" && secret != "" {
			cfg.AccessKey, cfg.SecretKey, cfg.SecurityToken = access, secret, getenv(family[2])
			return cfg
		}
	}
	if cfg.Endpoint == "" {
		cfg.AuthToken = managed.Lookup(Environment, "auth_token", getenv)
	}
	return cfg
}
