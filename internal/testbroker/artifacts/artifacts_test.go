package artifacts

import (
	"context"
	"encoding/xml"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func copyOneJar(_ context.Context, _, dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "a.jar"), []byte("jar"), 0o600)
}

func TestClasspathIsFilledOnceByManyAtATime(t *testing.T) {
	cache := t.TempDir()
	var fills atomic.Int32
	fill := func(ctx context.Context, pom, dir string) error {
		fills.Add(1)
		return copyOneJar(ctx, pom, dir)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			dir, err := classpath(t.Context(), cache, "kafka", "4.3.1", []string{"g:a:1"}, fill)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := os.Stat(filepath.Join(dir, "a.jar")); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if fills.Load() != 1 {
		t.Errorf("filled %d times, want 1", fills.Load())
	}
}

func TestClasspathLeavesNothingHalfDone(t *testing.T) {
	cache := t.TempDir()
	broken := errors.New("connection reset")
	_, err := classpath(t.Context(), cache, "kafka", "4.3.1", []string{"g:a:1"},
		func(ctx context.Context, pom, dir string) error {
			return errors.Join(copyOneJar(ctx, pom, dir), broken)
		})
	if !errors.Is(err, broken) {
		t.Fatalf("got %v, want the cause", err)
	}
	entries, err := os.ReadDir(cache)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

func TestClasspathRefusesAnEmptyDownload(t *testing.T) {
	_, err := classpath(t.Context(), t.TempDir(), "kafka", "4.3.1", []string{"g:a:1"},
		func(context.Context, string, string) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "no jar") {
		t.Errorf("got %v", err)
	}
}

func TestClasspathOfOtherCoordinatesIsAnotherDirectory(t *testing.T) {
	cache := t.TempDir()
	one, err := classpath(t.Context(), cache, "kafka", "4.3.1", []string{"g:a:1"}, copyOneJar)
	if err != nil {
		t.Fatal(err)
	}
	two, err := classpath(t.Context(), cache, "kafka", "4.3.1", []string{"g:a:1", "g:b:1"}, copyOneJar)
	if err != nil {
		t.Fatal(err)
	}
	if one == two {
		t.Errorf("both are %s", one)
	}
}

func TestMissingProgramsAreNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("JAVA_HOME", "")
	if _, err := Java(); err == nil || !strings.Contains(err.Error(), "no java") {
		t.Errorf("java: %v", err)
	}
	if err := maven(t.Context(), filepath.Join(t.TempDir(), "pom.xml"), t.TempDir()); err == nil || !strings.Contains(err.Error(), "no mvn") {
		t.Errorf("mvn: %v", err)
	}
}

func TestPom(t *testing.T) {
	for name, c := range map[string]struct {
		coordinates []string
		ok          bool
	}{
		"one":         {[]string{"org.apache.kafka:kafka_2.13:4.3.1"}, true},
		"two":         {[]string{"a:b:1", "c:d:2"}, true},
		"none":        {nil, false},
		"no version":  {[]string{"a:b"}, false},
		"empty part":  {[]string{"a::1"}, false},
		"too many":    {[]string{"a:b:jar:1"}, false},
		"needs quote": {[]string{"a:b:<1>"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			pom, err := pomFor(c.coordinates)
			if (err == nil) != c.ok {
				t.Fatalf("got %v", err)
			}
			if err != nil {
				return
			}
			var back pomProject
			if err := xml.Unmarshal(pom, &back); err != nil {
				t.Fatal(err)
			}
			for i, d := range back.Dependencies {
				if got := d.GroupID + ":" + d.ArtifactID + ":" + d.Version; got != c.coordinates[i] {
					t.Errorf("got %s, want %s", got, c.coordinates[i])
				}
			}
		})
	}
}
