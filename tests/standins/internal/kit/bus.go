package kit

import (
	"encoding/json"
	"fmt"
	"log"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	exchange = "fogflow"
	tries    = 10 // about eleven seconds after the start, then never again
)

// Message is the envelope of everything on the bus.
type Message struct {
	Type       string          `json:"Type"`
	RoutingKey string          `json:"RoutingKey"`
	From       string          `json:"From"`
	PayLoad    json.RawMessage `json:"PayLoad"`
}

// Queue says how a program consumes.
type Queue struct {
	Name       string
	Bindings   []string
	AutoDelete bool
	NoAck      bool
}

// Bus is a program's place on the message bus. Like the originals it dials twice, gives up for ever when the bus comes late,
// and never comes back when it goes: the program lives on and is deaf.
type Bus struct {
	URL       string
	mutex     sync.Mutex
	publisher *amqp.Connection
	Deaf      bool
}

// NewBus makes the address out of the configuration; nothing is dialled yet.
func NewBus(c *Config) *Bus {
	return &Bus{URL: fmt.Sprintf("amqp://%s:%s@%s:%v/", c.RabbitMQ.User, c.RabbitMQ.Password, c.RabbitMQ.HostIP, c.RabbitMQ.Port)}
}

func declare(channel *amqp.Channel) error {
	return channel.ExchangeDeclare(exchange, "topic", true, true, false, false, nil)
}

// Consume hands every message to `handle`, until the bus goes; `ready` is called once when it consumes.
func (b *Bus) Consume(queue Queue, ready func(), handle func(Message)) {
	for attempt := 0; attempt <= tries; attempt++ {
		deliveries, err := b.open(queue)
		if err == nil {
			log.Printf("consuming %s", queue.Name)
			ready()
			for delivery := range deliveries {
				var message Message
				if json.Unmarshal(delivery.Body, &message) == nil {
					handle(message)
				}
				if !queue.NoAck {
					_ = delivery.Ack(false)
				}
			}
			log.Printf("the bus is gone, and I do not come back")
			b.Deaf = true
			return
		}
		log.Printf("no bus yet: %v", err)
		time.Sleep(time.Second)
	}
	log.Printf("gave up on the bus")
	b.Deaf = true
}

func (b *Bus) open(queue Queue) (<-chan amqp.Delivery, error) {
	connection, err := amqp.Dial(b.URL)
	if err != nil {
		return nil, err
	}
	channel, err := connection.Channel()
	if err != nil {
		return nil, err
	}
	if err := declare(channel); err != nil {
		return nil, err
	}
	if _, err := channel.QueueDeclare(queue.Name, true, queue.AutoDelete, false, false, nil); err != nil {
		return nil, err
	}
	for _, key := range queue.Bindings {
		if err := channel.QueueBind(queue.Name, key, exchange, false, nil); err != nil {
			return nil, err
		}
	}
	_ = channel.Qos(3, 0, false)
	return channel.Consume(queue.Name, queue.Name, queue.NoAck, false, false, false, nil)
}

// Publish sends one message. Its own connection is dialled again when it is gone: a deaf worker still beats.
func (b *Bus) Publish(kind, key, from string, payload any) error {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	content, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	body, err := json.Marshal(Message{kind, key, from, content})
	if err != nil {
		return err
	}
	if b.publisher == nil || b.publisher.IsClosed() {
		if b.publisher, err = amqp.Dial(b.URL); err != nil {
			return err
		}
	}
	channel, err := b.publisher.Channel()
	if err != nil {
		return err
	}
	defer channel.Close()
	if err := declare(channel); err != nil {
		return err
	}
	return channel.Publish(exchange, key, false, false, amqp.Publishing{ContentType: "application/json", Body: body})
}

// PublishWithin sends one message, and does not wait for a bus that is gone without a word: the originals end at once then, too.
func (b *Bus) PublishWithin(patience time.Duration, kind, key, from string, payload any) {
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		if err := b.Publish(kind, key, from, payload); err != nil {
			log.Printf("%s is lost: %v", kind, err)
		}
	}()
	select {
	case <-sent:
	case <-time.After(patience):
		log.Printf("%s: the bus does not answer", kind)
	}
}

// WorkerProfile is what a worker tells the master about itself.
type WorkerProfile struct {
	ID       string             `json:"id"`
	Location map[string]float64 `json:"location"`
	OS       string             `json:"os"`
	Hardware string             `json:"hardware"`
	Capacity int                `json:"capacity"`
	Workload int                `json:"workload"`
	Seen     time.Time          `json:"Last_Heartbeat_Update"`
}

// Task is one instance that a worker is to run.
type Task struct {
	ID           string              `json:"ID"`
	TopologyName string              `json:"TopologyName"`
	TaskName     string              `json:"TaskName"`
	IntentID     string              `json:"ServiceIntentID"`
	OperatorName string              `json:"OperatorName"`
	DockerImage  string              `json:"DockerImage"`
	Parameters   []Parameter         `json:"Parameters"`
	WorkerID     string              `json:"WorkerID"`
	Status       string              `json:"Status"`
	Inputs       []map[string]any    `json:"Inputs"`
	Outputs      []map[string]string `json:"Outputs"`
}

// Intent is what the designer asks the master for: a function's topology, by name.
type Intent struct {
	ID       string `json:"id"`
	Topology string `json:"topology"`
	Action   string `json:"action"`
}

// Topology is a function as the designer stores it, as far as a stand-in needs it: one task.
type Topology struct {
	Name   string `json:"name"`
	Task   string `json:"task"`
	Image  string `json:"image"`
	Input  string `json:"input"`
	Output string `json:"output"`

	Operator   string      `json:"operator,omitempty"`
	Parameters []Parameter `json:"parameters,omitempty"`
}

// Parameter is one of an operator's, as a task is told of it.
type Parameter struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}
