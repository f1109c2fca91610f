// Command chancery-bench is the project's measuring program: it starts the shipped
// binary, drives it over HTTP from outside, and prints what it saw. "load" measures
// throughput, latency, CPU, memory and disk; "crash" kills the server or cuts its
// power under load and checks that nothing acknowledged is lost or doubled.
//
// It contains no server code: what it measures is what users get.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

const usage = `usage: chancery-bench <command> [flags]

  load    measure a server under load
  crash   kill a server, or cut its power, under load and check what is left

Each command lists its flags with -h.
`

func main() {
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch os.Args[1] {
	case "load":
		err = runLoad(ctx, os.Args[2:])
	case "crash":
		err = runCrash(ctx, os.Args[2:])
	default:
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "chancery-bench:", err)
		os.Exit(1)
	}
}
