package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
)

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400) // compiling policies makes much short-lived garbage: a fifth less CPU
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	streams := streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}
	os.Exit(execute(ctx, os.Args[1:], streams))
}
