package provider_test

import (
	"archive/zip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/apsaramq"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/romaconnect"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/standin"
)

// No key, and no token, reaches the output, the plan, the log at TRACE or the
// state, not even where the service sends it back to complain of it.
func TestSecretsOfManagedServicesStaySecret(t *testing.T) {
	t.Parallel()
	const token, wrongKey, wrongToken = "temporary/Token+1234567890==", "wrong/Secret+Key=0123456789", "MIIwrongTOKEN/1234567890=="
	const variables = `
		variable "token" {
			type      = string
			sensitive = true
			default   = ""
		}
	`
	rmq := func(t *testing.T) string {
		s := alibaba(t)
		s.AddKey("LTAItemporary", standin.Key{Secret: apsaramq.SecretKey, Token: token})
		return providerOf(apsaramqSection(s, "access_key", "", "secret_key", "")) + managedRocketMQ(toFifty)
	}
	kafka := func(section func(*romaconnect.Server, ...string) string, settings ...string) func(t *testing.T) string {
		return func(t *testing.T) string {
			s := huawei(t)
			s.AddKey("HWTEMPORARY", standin.Key{Secret: romaconnect.SecretKey, Token: token})
			settings := append([]string{"access_key", "", "secret_key", ""}, settings...)
			return providerOf(strings.ReplaceAll(section(s, settings...), `"var.token"`, "var.token")) + managedKafka("message_offset = 20")
		}
	}
	alibabaKeys := func(secret string) []string {
		return []string{"ALIBABA_CLOUD_ACCESS_KEY_ID=LTAItemporary", "ALIBABA_CLOUD_ACCESS_KEY_SECRET=" + secret, "ALIBABA_CLOUD_SECURITY_TOKEN=" + token}
	}
	huaweiKeys := func(secret string) []string {
		return []string{"HW_ACCESS_KEY=HWTEMPORARY", "HW_SECRET_KEY=" + secret, "HW_SECURITY_TOKEN=" + token}
	}
	for name, test := range map[string]struct {
		config  func(t *testing.T) string
		env     []string
		secrets []string
		fails   bool
	}{
		"ApsaraMQ":            {rmq, alibabaKeys(apsaramq.SecretKey), []string{apsaramq.SecretKey, token}, false},
		"ApsaraMQ, wrong":     {rmq, alibabaKeys(wrongKey), []string{wrongKey, token}, true},
		"ROMA Connect":        {kafka(romaSection), huaweiKeys(romaconnect.SecretKey), []string{romaconnect.SecretKey, token}, false},
		"ROMA Connect, wrong": {kafka(romaSection), huaweiKeys(wrongKey), []string{wrongKey, token}, true},
		"DMS":                 {kafka(dmsSection), huaweiKeys(romaconnect.SecretKey), []string{romaconnect.SecretKey, token}, false},
		"a token":             {kafka(dmsSection, "auth_token", "var.token"), []string{"TF_VAR_token=" + romaconnect.AuthToken}, []string{romaconnect.AuthToken}, false},
		"a wrong token":       {kafka(romaSection, "auth_token", "var.token"), []string{"TF_VAR_token=" + wrongToken}, []string{wrongToken}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorkspace(t, variables+test.config(t))
			w.env = append(append(w.env, test.env...), "TF_LOG=TRACE", "TF_LOG_PATH="+filepath.Join(w.dir, "trace.log"))
			texts := map[string]string{"plan's output": w.must(0, "plan", "-out=plan.zip")}
			if !strings.HasPrefix(test.env[0], "TF_VAR_") { // a plan holds the values of variables, by Terraform's design
				texts["plan"] = unzipped(t, filepath.Join(w.dir, "plan.zip"))
				texts["shown plan"] = w.must(0, "show", "-json", "plan.zip")
			}
			out, code := w.run("apply", "plan.zip")
			if (code != 0) != test.fails {
				t.Fatalf("the apply ended with %d:\n%s", code, out)
			}
			texts["output"] = out
			for _, file := range []string{"trace.log", "terraform.tfstate"} {
				b, err := os.ReadFile(filepath.Join(w.dir, file))
				if err != nil && (!errors.Is(err, os.ErrNotExist) || !test.fails) {
					t.Fatal(err)
				}
				texts[file] = string(b)
			}
			if !strings.Contains(texts["trace.log"], "Called a managed service") {
				t.Error("the log says nothing of the calls")
			}
			for where, text := range texts {
				for _, secret := range test.secrets {
					for _, form := range []string{secret, strings.ReplaceAll(secret, "/", `\/`), strings.NewReplacer("/", "%2F", "+", "%2B", "=", "%3D").Replace(secret)} {
						if i := strings.Index(text, form); i >= 0 {
							t.Errorf("the %s has a secret: …%s…", where, text[max(0, i-100):min(len(text), i+100)])
						}
					}
				}
			}
		})
	}
}

// unzipped returns everything that a file in ZIP form holds.
func unzipped(t *testing.T, name string) string {
	t.Helper()
	z, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close() //nolint:errcheck // It is only read.
	var all strings.Builder
	for _, file := range z.File {
		r, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(&all, io.LimitReader(r, 64<<20))
		if err := errors.Join(err, r.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}
