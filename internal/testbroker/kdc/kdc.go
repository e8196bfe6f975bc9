// Package kdc runs a Kerberos KDC (Apache Kerby) on this machine, from the
// artifacts that Maven's repositories hold, for tests of brokers that let
// clients in with GSSAPI. It must not know which brokers those are.
package kdc

import (
	"context"
	_ "embed" // the Java program
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/artifacts"
)

const version = "2.1.0"

// Realm is the realm of all KDCs.
const Realm = "OFFSETS.TEST"

//go:embed java/Kdc.java
var source []byte

// KDC is a running KDC.
type KDC struct {
	Config  string // krb5.conf's path
	Address string // TCP

	dir     string
	process *artifacts.Process
	stdin   *os.File
}

// patience is how long a KDC may take to start, its download included.
const patience = 5 * time.Minute

// Start starts a KDC that knows the principals, which are given with their
// passwords and without the realm. It ends with the test.
func Start(t testing.TB, principals map[string]string) *KDC {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	k, err := start(ctx, t.TempDir(), principals)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Stop)
	return k
}

func start(ctx context.Context, dir string, principals map[string]string) (*KDC, error) {
	java, err := artifacts.Java()
	if err != nil {
		return nil, err
	}
	classpath, err := artifacts.Classpath(ctx, "kdc", version,
		"org.apache.kerby:kerb-simplekdc:"+version, "org.slf4j:slf4j-simple:1.7.36")
	if err != nil {
		return nil, err
	}
	ports, err := artifacts.FreePorts(1)
	if err != nil {
		return nil, err
	}
	k := &KDC{dir: dir, Address: "127.0.0.1:" + strconv.Itoa(ports[0])}
	if k.Config, err = WriteConfig(dir, k.Address); err != nil {
		return nil, err
	}
	program := filepath.Join(dir, "Kdc.java")
	if err := os.WriteFile(program, source, 0o600); err != nil {
		return nil, err
	}
	args := []string{"-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", filepath.Join(classpath, "*"), program,
		dir, Realm, strconv.Itoa(ports[0])}
	for _, name := range slices.Sorted(maps.Keys(principals)) {
		args = append(args, name+"@"+Realm, principals[name], k.Keytab(name))
	}
	stdin, ours, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	k.stdin = ours
	k.process, err = artifacts.Start(artifacts.Command{
		Name: "KDC", Path: java, Args: args, Dir: dir, Log: filepath.Join(dir, "kdc.log"), Stdin: stdin,
	})
	_ = stdin.Close()
	if err != nil {
		return nil, errors.Join(err, ours.Close())
	}
	if err := k.process.WaitLine(ctx, "KDC started"); err != nil {
		k.Stop()
		return nil, err
	}
	return k, nil
}

// Stop ends the KDC. It may be called more than once.
func (k *KDC) Stop() {
	_ = k.stdin.Close()
	const grace = 5 * time.Second
	select {
	case <-k.process.Done():
	case <-time.After(grace):
		k.process.Kill()
	}
}

// Keytab returns the path of the keys of a principal, which is given without
// the realm.
func (k *KDC) Keytab(principal string) string {
	return filepath.Join(k.dir, strings.ReplaceAll(principal, "/", "_")+".keytab")
}

// WriteConfig writes a krb5.conf for the realm whose KDC is at the address
// (TCP), with the lines added to its first section, and returns its path.
func WriteConfig(dir, address string, lines ...string) (string, error) {
	path := filepath.Join(dir, "krb5.conf")
	text := fmt.Sprintf("[libdefaults]\n default_realm = %s\n dns_lookup_kdc = false\n dns_lookup_realm = false\n udp_preference_limit = 1\n%s[realms]\n %s = {\n  kdc = %s\n }\n",
		Realm, strings.Join(append(lines, ""), "\n"), Realm, address)
	return path, os.WriteFile(path, []byte(text), 0o600)
}
