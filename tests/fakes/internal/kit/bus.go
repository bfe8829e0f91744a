package kit

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"sync"
	"sync/atomic"
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
	Plain     bool // publish without any properties, as the designer does
	mutex     sync.Mutex
	publisher *amqp.Connection
	leaked    []*amqp.Connection
	deaf      atomic.Bool
}

// Deaf tells that the program has given the bus up.
func (b *Bus) Deaf() bool { return b.deaf.Load() }

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
			b.deaf.Store(true)
			return
		}
		log.Printf("no bus yet: %v", err)
		time.Sleep(time.Second)
	}
	log.Printf("gave up on the bus")
	b.deaf.Store(true)
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

// Publish sends one message over a connection of its own. A program that is deaf is mute, too.
func (b *Bus) Publish(kind, key, from string, payload any) error {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.Deaf() {
		return errors.New("the channel is closed")
	}
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
	message := amqp.Publishing{Body: body}
	if !b.Plain {
		message.ContentType, message.DeliveryMode = "application/json", amqp.Transient
	}
	return channel.Publish(exchange, key, false, false, message)
}

// Leak opens one more connection and keeps it, as some builds of the original do at every heartbeat.
func (b *Bus) Leak() {
	if connection, err := amqp.Dial(b.URL); err == nil {
		b.leaked = append(b.leaked, connection)
	}
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
