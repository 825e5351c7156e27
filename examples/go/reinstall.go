// Has one server reinstalled, and waits for how that ends.
//
//	AMQP_URL=amqp://… reinstall SERVER_ID KEYNAME USERID COMMAND_ID
//
// Needs github.com/rabbitmq/amqp091-go (Debian: golang-github-rabbitmq-amqp091-go-dev). Prints each event's name; exits 0
// when the server was reinstalled.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

type event struct {
	ID   string `json:"id"`
	Data struct {
		CommandID       string `json:"command_id"`
		ReusedCommandID string `json:"reused_command_id"`
		Event           string `json:"event"`
		Original        struct {
			Outcome string `json:"outcome"`
		} `json:"original"`
	} `json:"data"`
}

var final = map[string]bool{
	"succeeded": true, "failed": true, "unresolved": true, "rejected": true, "quarantined": true,
	"superseded": true, "expired": true, "cancelled": true, "planned": true,
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 5 {
		log.Fatal("usage: reinstall SERVER_ID KEYNAME USERID COMMAND_ID")
	}
	server, keyname, userid, commandID := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	address, err := amqp.ParseURI(os.Getenv("AMQP_URL"))
	must(err)
	connection, err := amqp.Dial(os.Getenv("AMQP_URL"))
	must(err)
	defer connection.Close()
	channel, err := connection.Channel()
	must(err)
	// Without confirms nobody knows whether the broker has the command.
	must(channel.Confirm(false))
	returned := channel.NotifyReturn(make(chan amqp.Return, 1))

	// Before the command is sent, so that no event is missed.
	queue, err := channel.QueueDeclare("ecs-client."+commandID, false, false, true, false, nil)
	must(err)
	must(channel.QueueBind(queue.Name, "*."+server+".*", "ecs.reinstall.events", false, nil))
	deliveries, err := channel.Consume(queue.Name, "", true, true, false, false, nil)
	must(err)

	command := map[string]any{
		"command_id":   commandID,
		"server_id":    server,
		"os-reinstall": map[string]string{"keyname": keyname, "userid": userid},
		"source":       "go-example",
	}
	if observed := os.Getenv("OBSERVED_AT"); observed != "" {
		// When the fault was seen: a server that was reinstalled since is left alone.
		command["observed_at"] = observed
	}
	body, err := json.Marshal(command)
	must(err)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	confirm, err := channel.PublishWithDeferredConfirmWithContext(
		ctx, "ecs.reinstall.commands", "reinstall", true, false, amqp.Publishing{
			// The broker refuses any user but ours.
			MessageId: commandID, CorrelationId: commandID, ReplyTo: queue.Name, UserId: address.Username,
			ContentType: "application/json", DeliveryMode: amqp.Persistent, Timestamp: time.Now(), Body: body,
		})
	must(err)
	if !confirm.Wait() {
		log.Fatal("the broker refused the command: send it again later, under its id")
	}
	select {
	// A return comes before its confirm.
	case <-returned:
		log.Fatal("no queue takes commands: start a worker")
	default:
	}
	fmt.Println("sent", commandID)

	seen := map[string]bool{}
	for delivery := range deliveries {
		var heard event
		if json.Unmarshal(delivery.Body, &heard) != nil || seen[heard.ID] {
			continue
		}
		// An answer to a misuse of the id has an id of its own, and names ours beside it.
		if heard.Data.CommandID != commandID && heard.Data.ReusedCommandID != commandID {
			continue
		}
		seen[heard.ID] = true
		fmt.Println(heard.Data.Event)
		outcome := heard.Data.Event
		if outcome == "duplicate" {
			// Empty: the command is still running, and its final event will come.
			outcome = heard.Data.Original.Outcome
		}
		if !final[outcome] {
			continue
		}
		if outcome != "succeeded" {
			os.Exit(1)
		}
		return
	}
	log.Fatal("the connection ended: ask /v1/commands/" + commandID + " of a worker")
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
