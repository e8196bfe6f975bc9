package connection

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/aws/aws-msk-iam-sasl-signer-go/signer"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	krb5 "github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/xdg-go/scram"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/retryafter"
)

// configure fills the SASL part of conf. Nothing is asked for before the first
// broker is dialled.
func (s *SASL) configure(conf *sarama.Config, d *Dialer, t *TLS) error {
	n := &conf.Net.SASL
	n.Enable = true
	n.Handshake = true
	n.Version = sarama.SASLHandshakeV1
	n.Mechanism = sarama.SASLMechanism(s.Mechanism)
	switch s.Mechanism {
	case Plain:
		n.User, n.Password = s.Username, s.Password
	case ScramSHA256, ScramSHA512:
		n.User, n.Password = s.Username, s.Password
		client, err := s.scramClient()
		if err != nil {
			return problem("sasl.password", "%s", Mask(err.Error()))
		}
		n.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient {
			return &scramConversation{mechanism: s.Mechanism, client: client}
		}
	case OAuthBearer:
		if s.Token != "" {
			token := &staticToken{token: strings.TrimSpace(s.Token), extensions: s.Extensions}
			n.TokenProvider, d.token = token, token.shown
			return nil
		}
		fetch, err := s.oauth(t)
		if err != nil {
			return err
		}
		tokens := newTokens(d, s.Extensions, fetch)
		n.TokenProvider, d.token = tokens, tokens.shown
		d.asks = func(cause error) error { return &TokenError{Source: tokenSource(s.TokenURL), Err: cause} }
	case AWSMSKIAM:
		n.Mechanism = sarama.SASLTypeOAuth
		n.TokenProvider = newTokens(d, nil, s.mskIAM())
		d.asks = func(cause error) error { return &TokenError{Source: "AWS", Err: cause} }
	case GSSAPI:
		d.kdc = true
		d.asks = func(cause error) error { return &AwaitedError{"the KDC of the realm " + s.KerberosRealm, cause} }
		s.kerberos(&n.GSSAPI)
		return kerberosFiles(&n.GSSAPI)
	}
	return nil
}

// kerberosFiles reads what sarama would read at every login, to tell before
// the first one what is wrong with it.
func kerberosFiles(g *sarama.GSSAPIConfig) error {
	if _, err := krb5.Load(g.KerberosConfigPath); err != nil {
		return problem("sasl.kerberos_config", "%s cannot be used: %s.", g.KerberosConfigPath, fileReason(err))
	}
	if g.AuthType == sarama.KRB5_KEYTAB_AUTH {
		if _, err := keytab.Load(g.KeyTabPath); err != nil {
			return problem("sasl.kerberos_keytab", "%s cannot be used: %s.", g.KeyTabPath, fileReason(err))
		}
	}
	return nil
}

// fileReason is err without the path, which the caller has named.
func fileReason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return strings.TrimSuffix(Mask(err.Error()), ".")
}

func (s *SASL) kerberos(g *sarama.GSSAPIConfig) {
	g.AuthType = sarama.KRB5_USER_AUTH
	if s.KerberosKeytab != "" {
		g.AuthType = sarama.KRB5_KEYTAB_AUTH
	}
	g.KeyTabPath = s.KerberosKeytab
	g.Username, g.Password = s.Username, s.Password
	g.Realm = s.KerberosRealm
	g.ServiceName = s.KerberosServiceName
	if g.ServiceName == "" {
		g.ServiceName = "kafka"
	}
	g.KerberosConfigPath = s.KerberosConfig
	if g.KerberosConfigPath == "" {
		g.KerberosConfigPath = "/etc/krb5.conf"
	}
	g.DisablePAFXFAST = s.KerberosDisablePAFXFAST
}

// AuthError is a login that failed on this side: the broker could not prove
// that it knows the password, or it asked for something unreasonable.
type AuthError struct {
	Mechanism string
	Err       error
}

// Error names the mechanism and the cause.
func (e *AuthError) Error() string { return e.Mechanism + ": " + Mask(e.Err.Error()) }

// Unwrap returns the cause.
func (e *AuthError) Unwrap() error { return e.Err }

// scramClient returns what all conversations share: it derives the keys once,
// which is slow on purpose.
func (s *SASL) scramClient() (*scram.Client, error) {
	generate := scram.HashGeneratorFcn(sha256.New)
	if s.Mechanism == ScramSHA512 {
		generate = sha512.New
	}
	// Kafka takes names and passwords as they are, without the SASLprep that
	// RFC 5802 asks for (ScramFormatter.normalize): a prepared password with
	// an "ª" or a non-breaking space would not fit the stored one.
	return generate.NewClientUnprepped(s.Username, s.Password, "")
}

// maxIterations bounds the work that an unauthenticated peer can ask of a
// SCRAM client. Kafka's default is 4096, its largest legal value 16384.
const maxIterations = 1 << 20

// scramConversation is one login.
type scramConversation struct {
	mechanism    string
	client       *scram.Client
	conversation *scram.ClientConversation
}

// Begin starts the conversation; the client has the name and the password.
func (c *scramConversation) Begin(_, _, _ string) error {
	c.conversation = c.client.NewConversation()
	return nil
}

// Step answers the broker's challenge.
func (c *scramConversation) Step(challenge string) (string, error) {
	for field := range strings.SplitSeq(challenge, ",") {
		if text, ok := strings.CutPrefix(field, "i="); ok {
			if n, err := strconv.Atoi(text); err != nil || n > maxIterations {
				return "", &AuthError{Mechanism: c.mechanism, Err: errors.New("the broker asks for too many iterations")}
			}
		}
	}
	answer, err := c.conversation.Step(challenge)
	if err != nil {
		return "", &AuthError{Mechanism: c.mechanism, Err: err}
	}
	return answer, nil
}

// Done tells whether the conversation is over. A failed one never gets here.
func (c *scramConversation) Done() bool { return c.conversation.Done() }

// staticToken is a token that never changes.
type staticToken struct {
	token      string
	extensions map[string]string
}

// Token returns the token.
func (t *staticToken) Token() (*sarama.AccessToken, error) {
	return &sarama.AccessToken{Token: t.token, Extensions: t.extensions}, nil
}

func (t *staticToken) shown() string { return t.token }

// fetchToken gets a token and the time at which it expires; zero if unknown.
type fetchToken func(ctx context.Context) (token string, expires time.Time, err error)

// tokens gives one token to all connections until it is about to expire. It
// asks for one at a time; whoever comes meanwhile gets the same answer, also
// if that is an error.
type tokens struct {
	//nolint:containedctx // the Dialer's: sarama asks for tokens without one
	ctx        context.Context
	timeout    time.Duration
	extensions map[string]string
	fetch      fetchToken
	now        func() time.Time

	mu      sync.Mutex
	token   string
	renew   time.Time // when token is too old to be given away
	hold    time.Time // until when whoever gives them wants not to be asked
	limited error     // what it said then
	pending *pendingToken
}

type pendingToken struct {
	done  chan struct{}
	token string
	err   error
}

// unknownLife is how long a token is used that does not say when it expires.
const unknownLife = time.Minute

func newTokens(d *Dialer, extensions map[string]string, fetch fetchToken) *tokens {
	return &tokens{ctx: d.ctx, timeout: d.request, extensions: extensions, fetch: fetch, now: time.Now}
}

// Token returns a token that is good for a while. Its errors are of type
// *TokenError.
func (t *tokens) Token() (*sarama.AccessToken, error) {
	token, err := t.get()
	if err != nil {
		return nil, err
	}
	return &sarama.AccessToken{Token: token, Extensions: t.extensions}, nil
}

func (t *tokens) get() (string, error) {
	t.mu.Lock()
	if t.token != "" && t.now().Before(t.renew) {
		defer t.mu.Unlock()
		return t.token, nil
	}
	if t.now().Before(t.hold) {
		defer t.mu.Unlock()
		return "", t.limited
	}
	if p := t.pending; p != nil {
		t.mu.Unlock()
		<-p.done // bounded by the timeout of whoever asked
		return p.token, p.err
	}
	p := &pendingToken{done: make(chan struct{})}
	t.pending = p
	t.mu.Unlock()

	ctx, cancel := context.WithTimeoutCause(t.ctx, t.timeout, noAnswer(t.timeout))
	defer cancel()
	asked := t.now()
	token, expires, err := t.fetch(ctx)
	if err == nil && !validToken(token) {
		err = &TokenError{Err: errors.New("what came is not a bearer token")}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pending = nil
	if err != nil {
		p.err = err
		var te *TokenError
		if errors.As(err, &te) && te.RetryAfter > 0 {
			t.hold, t.limited = t.now().Add(te.RetryAfter), err
		}
	} else {
		addSecrets(token)
		p.token, t.token, t.renew = token, token, renewal(asked, expires)
	}
	close(p.done)
	return p.token, p.err
}

func (t *tokens) shown() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.token
}

// renewal is when a token must be replaced: well before it expires, since the
// broker's clock is another one and the login takes its time.
func renewal(asked, expires time.Time) time.Time {
	if expires.IsZero() {
		return asked.Add(unknownLife)
	}
	return expires.Add(-min(expires.Sub(asked)/5, time.Minute))
}

// TokenError is why no token could be had. It holds no part of the answer
// beyond RFC 6749's error code and description.
type TokenError struct {
	Source  string // whom it was asked of
	Refused bool   // the credentials were refused, rather than nobody reached
	Limited bool   // it was asked too often
	// RetryAfter is how long it wants not to be asked; zero if it does not say.
	RetryAfter time.Duration
	Err        error
}

// Error names the source and the cause, secrets masked.
func (e *TokenError) Error() string {
	if e.Source == "" {
		return "no token: " + Mask(e.Err.Error())
	}
	return "no token from " + e.Source + ": " + Mask(e.Err.Error())
}

// Unwrap returns the cause.
func (e *TokenError) Unwrap() error { return e.Err }

// oauth returns a fetchToken that uses client credentials (RFC 6749, section
// 4.4). The token endpoint is trusted if the machine's authorities or the
// configured ca_cert vouch for it; insecure_skip_verify and the client
// certificate are for the brokers alone. Redirects are not followed, as they
// would carry the secret elsewhere. HTTPS_PROXY counts.
func (s *SASL) oauth(t *TLS) (fetchToken, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if t != nil {
		roots, err := t.roots(systemRoots)
		if err != nil {
			return nil, err
		}
		conf.RootCAs = roots
	}
	transport := &http.Transport{
		Proxy:             http.ProxyFromEnvironment,
		TLSClientConfig:   conf,
		DisableKeepAlives: true, // one request an hour, and nothing stays behind
		ForceAttemptHTTP2: true,
	}
	credentials := &clientcredentials.Config{
		ClientID: s.ClientID, ClientSecret: s.ClientSecret,
		TokenURL: s.TokenURL, Scopes: s.Scopes,
	}
	source := tokenSource(s.TokenURL)
	return func(ctx context.Context) (string, time.Time, error) {
		ctx = context.WithValue(ctx, oauth2.HTTPClient, &http.Client{
			Transport:     &askedOnce{next: transport},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		})
		token, err := credentials.Token(ctx)
		if err != nil {
			return "", time.Time{}, oauthError(source, context.Cause(ctx), err)
		}
		// What the token itself says is what the broker goes by.
		expires := token.Expiry
		if at, ok := expiry(token.AccessToken); ok && (expires.IsZero() || at.Before(expires)) {
			expires = at
		}
		return token.AccessToken, expires, nil
	}, nil
}

// askedOnce asks for one token. Until it has got one, the library follows any
// failure with a second request, which has the secret in its body; only a
// refusal of the first deserves that. Others are answered as the first was.
type askedOnce struct {
	next http.RoundTripper
	said *http.Response
	body []byte
}

// RoundTrip sends the request, or answers for the endpoint.
func (a *askedOnce) RoundTrip(r *http.Request) (*http.Response, error) {
	if a.said == nil {
		resp, err := a.next.RoundTrip(r)
		if err != nil || resp.StatusCode < 300 || resp.StatusCode == http.StatusBadRequest || resp.StatusCode == http.StatusUnauthorized {
			return resp, err
		}
		const most = 1 << 20 // as much as the library reads
		a.body, err = io.ReadAll(io.LimitReader(resp.Body, most))
		_ = resp.Body.Close()
		if err != nil {
			return nil, err
		}
		a.said = resp
	}
	again := *a.said
	again.Body = io.NopCloser(bytes.NewReader(a.body))
	return &again, nil
}

// basicAuth is a client's name and secret as HTTP carries them.
func basicAuth(id, secret string) string { return url.QueryEscape(id) + ":" + url.QueryEscape(secret) }

func systemRoots() *x509.CertPool {
	if pool, err := x509.SystemCertPool(); err == nil {
		return pool
	}
	return x509.NewCertPool()
}

// tokenSource is the URL without its query, which can hold secrets.
func tokenSource(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "token_url"
	}
	u.RawQuery, u.Fragment, u.User = "", "", nil
	return u.String()
}

// oauthError is why the source gave no token; ended is why it was asked no
// longer, if it was.
func oauthError(source string, ended, err error) error {
	e := &TokenError{Source: source, Err: err}
	var re *oauth2.RetrieveError
	if errors.As(err, &re) {
		status := 0
		if re.Response != nil {
			status = re.Response.StatusCode
		}
		e.Limited = status == http.StatusTooManyRequests
		busy := e.Limited || status == http.StatusRequestTimeout || status >= 500
		e.Refused = !busy && (status >= 400 || re.ErrorCode != "")
		// The library's own text has the whole answer in it.
		text := fmt.Sprintf("HTTP status %d", status)
		if re.ErrorCode != "" {
			text += ", " + strconv.Quote(re.ErrorCode)
		}
		if re.ErrorDescription != "" {
			text += ": " + re.ErrorDescription
		}
		if busy && re.Response != nil {
			if e.RetryAfter = retryafter.In(re.Response.Header, time.Now()); e.RetryAfter > 0 {
				text += fmt.Sprintf("; it wants no request for %s", e.RetryAfter.Round(time.Second))
			}
		}
		e.Err = errors.New(Mask(text))
		return e
	}
	if errors.Is(ended, context.DeadlineExceeded) {
		e.Err = ended
		return e
	}
	var ue *url.Error
	if errors.As(err, &ue) { // repeats the URL with its query
		e.Err = ue.Err
	}
	return e
}

// mskIAM returns a fetchToken that signs a request to connect. The credentials
// are those of AWS's chain, looked up at the first login, unless keys or a
// profile are given; a role is assumed with them.
func (s *SASL) mskIAM() fetchToken {
	var (
		provider aws.CredentialsProvider
		region   string
	)
	load := func(ctx context.Context) error {
		cfg, err := config.LoadDefaultConfig(ctx, s.awsOptions()...)
		if err != nil {
			return err
		}
		if cfg.Region == "" {
			return errors.New("the region of the cluster is not known: set sasl.aws_region or AWS_REGION")
		}
		region, provider = cfg.Region, cfg.Credentials
		if s.AWSRoleARN != "" {
			provider = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), s.AWSRoleARN,
				func(o *stscreds.AssumeRoleOptions) {
					o.RoleSessionName = DefaultClientID
					if s.AWSRoleSessionName != "" {
						o.RoleSessionName = s.AWSRoleSessionName
					}
					if s.AWSRoleExternalID != "" {
						o.ExternalID = aws.String(s.AWSRoleExternalID)
					}
				}))
		}
		return nil
	}
	return func(ctx context.Context) (string, time.Time, error) {
		if provider == nil { // calls do not overlap
			if err := load(ctx); err != nil {
				return "", time.Time{}, awsError(err)
			}
		}
		creds, err := provider.Retrieve(ctx)
		if err != nil {
			return "", time.Time{}, awsError(err)
		}
		addSecrets(creds.SecretAccessKey, creds.SessionToken)
		token, expiryMs, err := signer.GenerateAuthTokenFromCredentialsProvider(ctx, region,
			aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return creds, nil }))
		if err != nil {
			return "", time.Time{}, awsError(err)
		}
		expires := time.UnixMilli(expiryMs)
		if creds.CanExpire && creds.Expires.Before(expires) {
			expires = creds.Expires
		}
		return token, expires, nil
	}
}

func (s *SASL) awsOptions() []func(*config.LoadOptions) error {
	var options []func(*config.LoadOptions) error
	if s.AWSRegion != "" {
		options = append(options, config.WithRegion(s.AWSRegion))
	}
	if s.AWSProfile != "" {
		options = append(options, config.WithSharedConfigProfile(s.AWSProfile))
	}
	if s.AWSAccessKeyID != "" {
		options = append(options, config.WithCredentialsProvider(
			credentials.NewStaticCredentialsProvider(s.AWSAccessKeyID, s.AWSSecretAccessKey, s.AWSSessionToken)))
	}
	return options
}

func awsError(err error) error {
	var ne net.Error
	var de *net.DNSError
	unreachable := errors.As(err, &ne) || errors.As(err, &de) || errors.Is(err, context.DeadlineExceeded)
	return &TokenError{Source: "AWS", Refused: !unreachable, Err: err}
}
