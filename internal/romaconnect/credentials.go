package romaconnect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/managed"
)

// Credentials are access keys, with a token if they are temporary.
type Credentials = managed.Credentials

// CredentialSource finds credentials.
type CredentialSource = managed.CredentialSource

// metadataAddress is where every ECS instance finds its own metadata.
const metadataAddress = "http://169.254.169.254"

const (
	metadataTimeout = 3 * time.Second
	metadataLimit   = 64 << 10
	// metadataSpare is how long before their end keys are replaced. The
	// service has new ones well before.
	metadataSpare = 10 * time.Minute
)

// errNoCredentials tells where credentials were looked for.
var errNoCredentials = errors.New("no credentials were found: neither access_key and secret_key nor auth_token in the provider's configuration, " +
	"nor HW_ACCESS_KEY and HW_SECRET_KEY, HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK, or HW_AUTH_TOKEN in the environment, " +
	"nor an agency of the ECS instance gave any")

// InstanceCredentials returns the temporary keys of the agency that an ECS
// instance has been given, from its metadata service at the address. The
// vendor's own library for this knows no context and brings its client, which
// writes a file into the home directory; the protocol is two requests.
func InstanceCredentials(address string, now clock.Clock) CredentialSource {
	client := &http.Client{
		// The address is the instance's own: a proxy would answer for another.
		Transport:     &http.Transport{Proxy: nil, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	busy := make(chan struct{}, 1)
	var kept Credentials
	var until time.Time
	return func(ctx context.Context) (Credentials, error) {
		select {
		case busy <- struct{}{}:
			defer func() { <-busy }()
		case <-ctx.Done():
			return Credentials{}, ctx.Err()
		}
		if kept.AccessKey != "" && now.Now().Before(until.Add(-metadataSpare)) {
			return kept, nil
		}
		found, end, err := askMetadata(ctx, client, address)
		if err != nil {
			if ctx.Err() != nil {
				return Credentials{}, ctx.Err()
			}
			return Credentials{}, fmt.Errorf("%w (%w)", errNoCredentials, err)
		}
		kept, until = found, end
		return kept, nil
	}
}

// askMetadata gets the keys: with a token of the second version of the
// metadata service, or without where there is only the first.
func askMetadata(ctx context.Context, client *http.Client, address string) (Credentials, time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, metadataTimeout)
	defer cancel()
	status, token, err := metadata(ctx, client, http.MethodPut, address+"/meta-data/latest/api/token", http.Header{"X-Metadata-Token-Ttl-Seconds": {"21600"}})
	if err != nil {
		return Credentials{}, time.Time{}, err
	}
	header := http.Header{}
	if status == http.StatusOK {
		header.Set("X-Metadata-Token", strings.TrimSpace(string(token)))
	}
	status, body, err := metadata(ctx, client, http.MethodGet, address+"/openstack/latest/securitykey", header)
	if err != nil {
		return Credentials{}, time.Time{}, err
	}
	if status != http.StatusOK {
		return Credentials{}, time.Time{}, fmt.Errorf("the ECS instance's metadata service answered HTTP %d; has the instance an agency?", status)
	}
	var answer struct {
		Credential struct {
			Access        string    `json:"access"`
			Secret        string    `json:"secret"`
			SecurityToken string    `json:"securitytoken"`
			ExpiresAt     time.Time `json:"expires_at"`
		} `json:"credential"`
	}
	// The parser's own error could quote a key.
	if json.Unmarshal(body, &answer) != nil || answer.Credential.Access == "" || answer.Credential.Secret == "" {
		return Credentials{}, time.Time{}, errors.New("the ECS instance's metadata service gave no keys in the expected form")
	}
	c := answer.Credential
	return Credentials{AccessKey: c.Access, SecretKey: c.Secret, SecurityToken: c.SecurityToken}, c.ExpiresAt, nil
}

// metadata sends one request to the metadata service.
func metadata(ctx context.Context, client *http.Client, method, address string, header http.Header) (int, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, address, http.NoBody)
	if err != nil {
		return 0, nil, err
	}
	r.Header = header
	response, err := client.Do(r)
	if err != nil {
		return 0, nil, errors.New("the ECS instance's metadata service cannot be reached")
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, metadataLimit))
	if err != nil {
		return 0, nil, errors.New("the answer of the ECS instance's metadata service broke off")
	}
	return response.StatusCode, body, nil
}
