// The cluster's DNS server: CoreDNS with the plugins that a cluster's Corefile names, and no others.
//
// The full set drags in the SDKs of three clouds and takes four times as long to compile.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/hosts"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
)

func main() {
	// the order in which a query passes them
	dnsserver.Directives = []string{
		"reload", "errors", "log", "health", "ready", "cache", "loadbalance", "hosts", "kubernetes", "forward",
	}
	coremain.Run()
}
