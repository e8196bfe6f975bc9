package docs

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// page is a markdown file.
type page struct {
	path string // from the repository's root
	text string
}

// pages returns the markdown files that people read: those at the repository's
// root, below .github and examples, and the generated documentation.
func pages(t *testing.T) []page {
	t.Helper()
	found := files(t, ".github", ".md")
	found = append(found, files(t, "docs", ".md")...)
	found = append(found, files(t, "examples", ".md")...)
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() && filepath.Ext(e.Name()) == ".md" {
			found = append(found, read(t, e.Name()))
		}
	}
	return found
}

// files returns the files below a directory whose names end in ext.
func files(t *testing.T, dir, ext string) []page {
	t.Helper()
	var found []page
	err := fs.WalkDir(os.DirFS(root), dir, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && strings.HasSuffix(name, ext) {
			found = append(found, read(t, name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func read(t *testing.T, name string) page {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return page{path: name, text: string(content)}
}

var fence = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)\n```$")

// terraformBlocks returns the blocks of Terraform code in a page.
func (p page) terraformBlocks() []string {
	var blocks []string
	for _, m := range fence.FindAllStringSubmatch(p.text, -1) {
		switch m[1] {
		case "terraform", "hcl", "tf":
			blocks = append(blocks, strings.TrimSpace(m[2]))
		}
	}
	return blocks
}

// What a page shows has been applied by a test: it is a file below examples/.
func TestEachBlockOfTerraformCodeIsAnExample(t *testing.T) {
	t.Parallel()
	shown := map[string]bool{}
	examples := map[string]string{}
	for _, e := range slices.Concat(files(t, "examples", ".tf"), files(t, "examples", ".hcl"), files(t, "examples", ".tfvars")) {
		examples[strings.TrimSpace(e.text)] = e.path
	}
	for _, p := range pages(t) {
		for _, block := range p.terraformBlocks() {
			name, ok := examples[block]
			if !ok {
				t.Errorf("%s shows code that is no file below examples/:\n%s", p.path, block)
			}
			shown[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Values(examples)) {
		if !shown[name] && !strings.HasPrefix(name, "examples/"+runbook+"/") {
			t.Errorf("%s is not shown on any page", name)
		}
	}
	for _, p := range files(t, "templates", ".tmpl") {
		if blocks := p.terraformBlocks(); len(blocks) > 0 {
			t.Errorf("%s has code of its own; use tffile:\n%s", p.path, blocks[0])
		}
	}
}

var (
	codeSpan = regexp.MustCompile("`[^`\n]*`")
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#{1,6} +(.+)$`)
	anchor   = regexp.MustCompile(`<a id="([^"]+)">`)
	notSlug  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// The documentation is read in two places: as files, in the repository, and in
// the registries, which take the .md off a relative link and have nothing but
// docs/. The start page has no directory of its own there, so that links from
// it have to be whole.
const (
	registry   = "https://registry.terraform.io/providers/terraform-offsets/offsets/latest/docs/"
	repository = "https://github.com/terraform-offsets/terraform-provider-offsets/tree/main/"
	raw        = "https://raw.githubusercontent.com/terraform-offsets/terraform-provider-offsets/main/" // pictures
)

// anchors returns the names that a link may have behind its #.
func (p page) anchors() map[string]bool {
	names := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(p.text, ""), -1) {
		slug := notSlug.ReplaceAllString(strings.ToLower(strings.TrimSpace(m[1])), "")
		names[strings.ReplaceAll(slug, " ", "-")] = true
	}
	for _, m := range anchor.FindAllStringSubmatch(p.text, -1) {
		names[m[1]] = true
	}
	return names
}

// Links to elsewhere are followed by the documentation's workflow.
func TestNoLinkWithinTheRepositoryIsDead(t *testing.T) {
	t.Parallel()
	for _, p := range pages(t) {
		text := codeSpan.ReplaceAllString(fence.ReplaceAllString(p.text, ""), "")
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, name, _ := strings.Cut(m[1], "#")
			switch {
			case strings.HasPrefix(target, registry):
				target = "docs/" + strings.TrimPrefix(target, registry) + ".md"
			case strings.HasPrefix(target, repository):
				target = strings.TrimPrefix(target, repository)
			case strings.HasPrefix(target, raw):
				target = strings.TrimPrefix(target, raw)
			case strings.Contains(target, "://"), strings.HasPrefix(target, "mailto:"):
				continue
			case target == "":
				target = p.path
			default:
				target = path.Join(path.Dir(p.path), target)
				switch inDocs := strings.HasPrefix(p.path, "docs/"); {
				case p.path == "docs/index.md":
					t.Errorf("%s: in the registry, %s leads to nothing: it has to begin with %s", p.path, m[1], registry)
				case inDocs && (path.Ext(target) != ".md" || !strings.HasPrefix(target, "docs/")):
					t.Errorf("%s: in the registry or as a file, %s leads to nothing: name a page of docs/ with its .md", p.path, m[1])
				}
			}
			info, err := os.Stat(filepath.Join(root, filepath.FromSlash(target)))
			if err != nil {
				t.Errorf("%s: the link %s leads to nothing", p.path, m[1])
				continue
			}
			if info.IsDir() {
				target = path.Join(target, "README.md")
			}
			if name != "" && !read(t, target).anchors()[name] {
				t.Errorf("%s: there is no heading %q in %s", p.path, name, target)
			}
		}
	}
}

// What is said to be an error's text is what the program says, apart from the
// parts that are written as an ellipsis.
func TestQuotedErrorsAreWhatTheProgramSays(t *testing.T) {
	t.Parallel()
	literals := stringLiterals(t)
	quoted := 0
	for _, p := range files(t, "templates", ".tmpl") {
		_, section, found := strings.Cut(p.text, "\n## Errors\n")
		if !found {
			continue
		}
		section, _, _ = strings.Cut(section, "\n## ")
		for _, m := range heading.FindAllStringSubmatch(section, -1) {
			for _, span := range codeSpan.FindAllString(m[1], -1) {
				for part := range strings.SplitSeq(strings.Trim(span, "`"), "…") {
					part = strings.Trim(part, ` "`)
					if part == "" || part == "with" {
						continue
					}
					quoted++
					if !bytes.Contains(literals, []byte(part)) {
						t.Errorf("%s: nothing in the program says %q", p.path, part)
					}
				}
			}
		}
	}
	if quoted == 0 {
		t.Error("no page quotes an error")
	}
}
