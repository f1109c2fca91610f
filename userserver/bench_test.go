package userserver_test

import (
	"testing"
	"time"

	"github.com/chancery-im/chancery/storage"
	"github.com/chancery-im/chancery/storage/storagetest"
	"github.com/chancery-im/chancery/userserver"
)

func benchTown(b *testing.B) (*userserver.Server, string) {
	b.Helper()
	db := storagetest.SQLite(b).Open(b, func(o *storage.Options) {})
	users := userserver.New(userserver.Options{DB: db, ServerName: storagetest.ServerName, Clock: time.Now, Log: quiet()})
	user, err := users.Register(ctx, userserver.NewAccount{Localpart: "alice", Password: password})
	if err != nil {
		b.Fatal(err)
	}
	return users, user
}

// BenchmarkAuthenticate is what every request pays.
func BenchmarkAuthenticate(b *testing.B) {
	users, alice := benchTown(b)
	in, err := users.Login(ctx, alice, userserver.LoginOptions{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := users.Authenticate(ctx, in.Access); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCheckLogin must cost the same for a wrong password and for nobody (A02).
func BenchmarkCheckLogin(b *testing.B) {
	users, alice := benchTown(b)
	for name, user := range map[string]string{"wrong": alice, "nobody": "@nobody:" + storagetest.ServerName} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if users.CheckLogin(ctx, user, "not the password") == nil {
					b.Fatal("logged in")
				}
			}
		})
	}
}

func BenchmarkLogin(b *testing.B) {
	users, alice := benchTown(b)
	for b.Loop() {
		if _, err := users.Login(ctx, alice, userserver.LoginOptions{Device: "D", Refresh: true}); err != nil {
			b.Fatal(err)
		}
	}
}
