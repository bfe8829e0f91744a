// Answers who may connect to whom under a set of NetworkPolicies. Every verdict is cyclonus's: this program reads the question,
// names the two ends of each connection, and writes the answers down.
//
// Standard input and output are JSON. A peer is a pod's "namespace/name" or an address outside the cluster. The same connections can
// be asked about under several sets of policies.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"os"

	"github.com/mattfenwick/cyclonus/pkg/matcher"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

type question struct {
	Policies   [][]*networkingv1.NetworkPolicy `json:"policies"`   // sets
	Namespaces map[string]map[string]string    `json:"namespaces"` // labels by name
	Pods       []pod                           `json:"pods"`
	Queries    []query                         `json:"queries"`
}

type pod struct {
	Namespace string            `json:"namespace"`
	Name      string            `json:"name"`
	Labels    map[string]string `json:"labels"`
	IP        string            `json:"ip"`
	Ports     []port            `json:"ports"` // what a policy may mean by a port's name
}

type port struct {
	Name     string          `json:"name"`
	Port     int             `json:"port"`
	Protocol corev1.Protocol `json:"protocol"`
}

type query struct {
	From     string          `json:"from"`
	To       string          `json:"to"`
	Port     int             `json:"port"`
	Protocol corev1.Protocol `json:"protocol"`
}

func main() {
	log.SetFlags(0)
	answers, err := answer(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		log.Fatal(err)
	}
}

// answer gives a string for each set of policies: a digit for each query, 1 when the policies of both ends let the connection through.
func answer(input io.Reader) ([]string, error) {
	content, err := io.ReadAll(input)
	if err != nil {
		return nil, err
	}
	strict := json.NewDecoder(bytes.NewReader(content))
	strict.DisallowUnknownFields() // a misspelt field of a policy would be a rule that nobody applies
	var asked question
	if err := strict.Decode(&asked); err != nil {
		return nil, err
	}
	pods := map[string]pod{}
	for _, each := range asked.Pods {
		if _, known := asked.Namespaces[each.Namespace]; !known {
			return nil, fmt.Errorf("pod %s is in the namespace %s, which is not described", each.Name, each.Namespace)
		}
		pods[each.Namespace+"/"+each.Name] = each
	}
	traffic := make([]*matcher.Traffic, 0, len(asked.Queries))
	for _, each := range asked.Queries {
		source, err := peer(each.From, pods, asked.Namespaces)
		if err != nil {
			return nil, err
		}
		destination, err := peer(each.To, pods, asked.Namespaces)
		if err != nil {
			return nil, err
		}
		traffic = append(traffic, &matcher.Traffic{
			Source:           source,
			Destination:      destination,
			ResolvedPort:     each.Port,
			ResolvedPortName: portName(pods[each.To], each),
			Protocol:         each.Protocol,
		})
	}
	answers := make([]string, 0, len(asked.Policies))
	for _, set := range asked.Policies {
		answers = append(answers, verdicts(matcher.BuildNetworkPolicies(false, set), traffic))
	}
	return answers, nil
}

func verdicts(policies *matcher.Policy, traffic []*matcher.Traffic) string {
	digits := make([]byte, 0, len(traffic))
	for _, each := range traffic {
		digit := byte('0')
		if policies.IsTrafficAllowed(each).IsAllowed() {
			digit = '1'
		}
		digits = append(digits, digit)
	}
	return string(digits)
}

func peer(name string, pods map[string]pod, namespaces map[string]map[string]string) (*matcher.TrafficPeer, error) {
	if found, ok := pods[name]; ok {
		inside := &matcher.InternalPeer{
			PodLabels:       found.Labels,
			NamespaceLabels: namespaces[found.Namespace],
			Namespace:       found.Namespace,
		}
		return &matcher.TrafficPeer{Internal: inside, IP: found.IP}, nil
	}
	if net.ParseIP(name) == nil {
		return nil, fmt.Errorf("%s is neither a pod nor an address", name)
	}
	return &matcher.TrafficPeer{IP: name}, nil
}

func portName(destination pod, asked query) string {
	for _, each := range destination.Ports {
		if each.Port == asked.Port && each.Protocol == asked.Protocol {
			return each.Name
		}
	}
	return ""
}
