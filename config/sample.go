package config

import (
	_ "embed"
	"strconv"
	"strings"
)

// The sample is written from the struct's comments by "go generate".
//
//go:generate go test . -run TestTheSampleIsWrittenFromTheComments -update

//go:embed sample.yaml
var sample string

const sampleName = "example.org"

// Sample is a configuration with every key, its comment and its default.
func Sample(serverName, dataDir string) string {
	s := sample
	if serverName != "" {
		s = strings.Replace(s, "\nserver_name: "+sampleName+"\n", "\nserver_name: "+strconv.Quote(serverName)+"\n", 1)
	}
	if dataDir != "" {
		s = strings.Replace(s, "\ndata_dir: ./chancery-data\n", "\ndata_dir: "+strconv.Quote(dataDir)+"\n", 1)
	}
	return s
}
