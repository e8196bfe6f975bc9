// Package artifacts gets Java programs from Maven's repositories and runs them
// as child processes that do not outlive their parent: what the harnesses of
// real brokers have in common. It must not know which brokers those are.
package artifacts

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// cacheName is the directory below the user's cache directory.
const cacheName = "terraform-provider-offsets"

// copyDependencies is the Maven goal, pinned so that a run means the same everywhere.
const copyDependencies = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"

// Classpath returns a directory with the jars of the given artifacts and of
// everything that they need at run time; its class path is dir + "/*".
// Coordinates are "group:artifact:version". The first call needs Maven and
// downloads; later ones find the directory in the user's cache, named after
// name, version and a hash of the coordinates. Processes that ask for the same
// directory at the same time wait for one another.
func Classpath(ctx context.Context, name, version string, coordinates ...string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache directory for %s %s: %w", name, version, err)
	}
	return classpath(ctx, filepath.Join(cache, cacheName), name, version, coordinates, maven)
}

// classpath is Classpath with the cache and the way to fill a directory as arguments.
func classpath(ctx context.Context, cache, name, version string, coordinates []string,
	fill func(ctx context.Context, pom, dir string) error,
) (string, error) {
	pom, err := pomFor(coordinates)
	if err != nil {
		return "", fmt.Errorf("resolve %s %s: %w", name, version, err)
	}
	sum := sha256.Sum256(pom)
	target := filepath.Join(cache, fmt.Sprintf("%s-%s-%s", name, version, hex.EncodeToString(sum[:4])))
	if exists(target) {
		return target, nil
	}
	if err := os.MkdirAll(cache, 0o750); err != nil {
		return "", fmt.Errorf("resolve %s %s: %w", name, version, err)
	}
	unlock, err := lock(ctx, target+".lock")
	if err != nil {
		return "", fmt.Errorf("lock %s: %w", target, err)
	}
	defer unlock()
	if exists(target) { // another process was faster
		return target, nil
	}

	work, err := os.MkdirTemp(cache, name+"-*.tmp")
	if err != nil {
		return "", fmt.Errorf("resolve %s %s: %w", name, version, err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	pomFile, jars := filepath.Join(work, "pom.xml"), filepath.Join(work, "jars")
	if err := os.WriteFile(pomFile, pom, 0o600); err != nil {
		return "", fmt.Errorf("resolve %s %s: %w", name, version, err)
	}
	if err := fill(ctx, pomFile, jars); err != nil {
		return "", fmt.Errorf("resolve %s %s: %w", name, version, err)
	}
	if found, err := filepath.Glob(filepath.Join(jars, "*.jar")); err != nil || len(found) == 0 {
		return "", fmt.Errorf("resolve %s %s: no jar was copied", name, version)
	}
	if err := os.Rename(jars, target); err != nil && !exists(target) {
		return "", fmt.Errorf("resolve %s %s: %w", name, version, err)
	}
	return target, nil
}

// maven copies the dependencies that the pom names into dir.
func maven(ctx context.Context, pom, dir string) error {
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return errors.New("no mvn in PATH: Maven is needed to download the broker")
	}

	cmd := exec.CommandContext(ctx, mvn, "-q", "-B", "-f", pom, copyDependencies,
		"-DincludeScope=runtime", "-DoutputDirectory="+dir)
	cmd.Dir = filepath.Dir(pom)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mvn dependency:copy-dependencies: %w\n%s", err, bytes.TrimSpace(out))
	}
	return nil
}

// Java returns the path of the java command: $JAVA_HOME's, else PATH's.
func Java() (string, error) {
	if home := os.Getenv("JAVA_HOME"); home != "" {
		if java, err := exec.LookPath(filepath.Join(home, "bin", "java")); err == nil {
			return java, nil
		}
	}
	java, err := exec.LookPath("java")
	if err != nil {
		return "", errors.New("no java in JAVA_HOME or PATH: Java 17 or newer is needed to run the broker")
	}
	return java, nil
}

type pomDependency struct {
	GroupID    string `xml:"groupId"`
	ArtifactID string `xml:"artifactId"`
	Version    string `xml:"version"`
}

type pomProject struct {
	XMLName      xml.Name        `xml:"http://maven.apache.org/POM/4.0.0 project"`
	ModelVersion string          `xml:"modelVersion"`
	GroupID      string          `xml:"groupId"`
	ArtifactID   string          `xml:"artifactId"`
	Version      string          `xml:"version"`
	Packaging    string          `xml:"packaging"`
	Dependencies []pomDependency `xml:"dependencies>dependency"`
}

// pomFor returns the smallest project that depends on the artifacts.
func pomFor(coordinates []string) ([]byte, error) {
	if len(coordinates) == 0 {
		return nil, errors.New("no Maven coordinates given")
	}
	project := pomProject{
		ModelVersion: "4.0.0", GroupID: "offsets", ArtifactID: "testbroker", Version: "1", Packaging: "pom",
	}
	for _, c := range coordinates {
		parts := strings.Split(c, ":")
		if len(parts) != 3 || slices.Contains(parts, "") {
			return nil, fmt.Errorf("%q is not group:artifact:version", c)
		}
		project.Dependencies = append(project.Dependencies, pomDependency{parts[0], parts[1], parts[2]})
	}
	return xml.MarshalIndent(project, "", "  ")
}

func exists(dir string) bool {
	_, err := os.Stat(dir)
	return !errors.Is(err, fs.ErrNotExist)
}
