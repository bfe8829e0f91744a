package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"time"

	"fogflow-k8s.invalid/fakes/internal/kit"
)

const account = "/var/run/secrets/kubernetes.io/serviceaccount/"

// kube creates and deletes Deployments and Services in one namespace, and does nothing else: the original needs no more.
type kube struct {
	server, namespace string
	client            *http.Client
	tokens            chan struct{} // the original's client: 10 at once, then 5 per second
}

func inCluster(namespace string) *kube {
	pool := x509.NewCertPool()
	ca, _ := os.ReadFile(account + "ca.crt")
	pool.AppendCertsFromPEM(ca)
	address := net.JoinHostPort(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"))
	server := "https://" + address
	if other := os.Getenv("FAKE_KUBERNETES"); other != "" {
		server = other // a stub of the tests
	}
	k := &kube{server: server, namespace: namespace, tokens: make(chan struct{}, 10),
		client: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}}
	for range cap(k.tokens) {
		k.tokens <- struct{}{}
	}
	go func() {
		for range time.Tick(200 * time.Millisecond) {
			select {
			case k.tokens <- struct{}{}:
			default:
			}
		}
	}()
	return k
}

func (k *kube) call(method, path string, body, into any) error {
	<-k.tokens
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(method, k.server+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	token, _ := os.ReadFile(account + "token")
	request.Header.Set("Authorization", "Bearer "+string(token))
	request.Header.Set("Content-Type", "application/json")
	answer, err := k.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	content, _ := io.ReadAll(answer.Body)
	if answer.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %d %.300s", method, path, answer.StatusCode, content)
	}
	if into != nil {
		return json.Unmarshal(content, into)
	}
	return nil
}

func (k *kube) paths(name string) (deployment, service string) {
	return fmt.Sprintf("/apis/apps/v1/namespaces/%s/deployments%s", k.namespace, name),
		fmt.Sprintf("/api/v1/namespaces/%s/services%s", k.namespace, name)
}

// start makes both objects of a task; the name and the address at which the broker reaches it.
func (k *kube) start(task kit.Task, broker string) (name, reference string, err error) {
	port := 32768 + rand.IntN(28000)
	name = fmt.Sprintf("fogflow-task-%d", port)
	labels := map[string]string{"app": name}
	commands := []map[string]string{
		{"command": "CONNECT_BROKER", "brokerURL": broker},
		{"command": "SET_CORRELATORID", "correlatorID": task.ID},
		{"command": "SET_REFERENCE", "url": fmt.Sprintf("http://%s:%d", name, port)},
	}
	for _, output := range task.Outputs {
		commands = append(commands, map[string]string{"command": "SET_OUTPUTS", "type": output.Type, "id": output.StreamID})
	}
	admin, _ := json.Marshal(commands)
	container := map[string]any{
		"name": name, "image": task.DockerImage, "imagePullPolicy": "IfNotPresent",
		"ports": []map[string]any{{"containerPort": port, "hostPort": port, "protocol": "TCP"}},
		"env":   []map[string]string{{"name": "myport", "value": fmt.Sprint(port)}, {"name": "adminCfg", "value": string(admin)}},
	}
	deployment := map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": name},
		"spec": map[string]any{"replicas": 1, "selector": map[string]any{"matchLabels": labels},
			"template": map[string]any{"metadata": map[string]any{"labels": labels},
				"spec": map[string]any{"containers": []any{container}}}},
	}
	service := map[string]any{
		"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": name},
		"spec": map[string]any{"selector": labels, "ports": []map[string]any{{"port": port, "targetPort": port}}},
	}
	deployments, services := k.paths("")
	if err = k.call("POST", deployments, deployment, nil); err != nil {
		return "", "", err
	}
	var made struct {
		Spec struct {
			ClusterIP string `json:"clusterIP"`
		} `json:"spec"`
	}
	if err = k.call("POST", services, service, &made); err != nil {
		return "", "", err // and the Deployment stays
	}
	return name, fmt.Sprintf("http://%s:%d", made.Spec.ClusterIP, port), nil
}

// stop deletes both objects; any refusal ends the program, "not found" included.
func (k *kube) stop(name string) {
	deployment, service := k.paths("/" + name)
	options := map[string]string{"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
	for _, path := range []string{deployment, service} {
		if err := k.call("DELETE", path, options, nil); err != nil {
			panic(err)
		}
	}
}
