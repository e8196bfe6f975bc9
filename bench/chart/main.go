// Command chart draws what the benchmarks have printed, as the documentation
// shows it: the tables in bench/results as pictures in docs/images. It measures
// nothing, and the same tables give the same pictures.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	results := flag.String("results", "bench/results", "the `directory` with the benchmarks' output, kafka.txt and rocketmq.txt")
	to := flag.String("to", "docs/images", "the `directory` to draw into")
	flag.Parse()
	if err := run(*results, *to); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(results, to string) error {
	kafka, err := os.ReadFile(filepath.Join(results, "kafka.txt"))
	if err != nil {
		return err
	}
	rocketmq, err := os.ReadFile(filepath.Join(results, "rocketmq.txt"))
	if err != nil {
		return err
	}
	drawn, err := pictures(string(kafka), string(rocketmq))
	if err != nil {
		return fmt.Errorf("draw what is in %s: %w", results, err)
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for name, picture := range drawn {
		if err := os.WriteFile(filepath.Join(to, name), picture, 0o644); err != nil {
			return err
		}
	}
	return nil
}
