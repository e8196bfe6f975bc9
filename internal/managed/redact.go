package managed

import (
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Redactor takes secrets out of texts. Services send them back: the answer to
// a wrong signature quotes the signed headers, the security token among them.
type Redactor struct {
	mu       sync.RWMutex
	secrets  []string
	replacer *strings.Replacer // in one pass, so that no mask is taken for a secret
}

// masked stands in a text where a secret was.
const masked = "(secret)"

// Add makes secrets known, in every form in which they travel.
func (r *Redactor) Add(secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := len(r.secrets)
	for _, s := range secrets {
		if s == "" {
			continue
		}
		quoted, err := json.Marshal(s)
		forms := []string{s, url.QueryEscape(s), url.PathEscape(s), Escape(s)}
		if err == nil {
			forms = append(forms, string(quoted[1:len(quoted)-1]))
		}
		for _, form := range forms {
			if !slices.Contains(r.secrets, form) {
				r.secrets = append(r.secrets, form)
			}
		}
	}
	if len(r.secrets) == known {
		return
	}
	// The longest first: a secret may hold another.
	slices.SortFunc(r.secrets, func(a, b string) int { return len(b) - len(a) })
	pairs := make([]string, 0, 2*len(r.secrets))
	for _, s := range r.secrets {
		pairs = append(pairs, s, masked)
	}
	r.replacer = strings.NewReplacer(pairs...)
}

// Text returns the text without the secrets.
func (r *Redactor) Text(s string) string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.replacer == nil {
		return s
	}
	return r.replacer.Replace(s)
}

// Error returns err itself if its text holds no secret. Else it returns an
// error of the same kind, as far as errors.As finds VendorError, without it.
func (r *Redactor) Error(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	clean := r.Text(text)
	if clean == text {
		return err
	}
	var v *VendorError
	if errors.As(err, &v) {
		return &VendorError{
			Status: v.Status, Code: r.Text(v.Code), Message: r.Text(v.Message),
			Detail: r.Text(v.Detail), RequestID: r.Text(v.RequestID),
		}
	}
	return errors.New(clean)
}
