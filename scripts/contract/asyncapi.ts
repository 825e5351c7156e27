import { readdirSync, readFileSync } from "node:fs";
import { CommandBody } from "../../src/contract/command.ts";
import { CONTRACT_EVENTS, type ContractEventName, EVENTS } from "../../src/contract/event-data.ts";
import { OperatorEvent } from "../../src/contract/operator-event.ts";
import { OPERATOR_ACTIONS } from "../../src/contract/operator-actions.ts";
import { readSources } from "../../src/config/sources.ts";
import { wireSchema } from "./json-schema.ts";

const SAMPLES = new URL("../../test/contract/samples/", import.meta.url);
const MISUSE = ["duplicate", "rejected"] as const;
const QUORUM = { durable: true, exclusive: false, autoDelete: false, vhost: "/" };

/** The contract on RabbitMQ as an AsyncAPI 3.0 document, from the worker's side: it receives commands and sends events. */
export function asyncApi(): object {
  const names = brokerNames();
  const eventMessages = Object.fromEntries(
    CONTRACT_EVENTS.map((name) => [name, { $ref: `#/components/messages/${name}` }]),
  );
  const misuseMessages = Object.fromEntries(
    MISUSE.map((name) => [name, { $ref: `#/components/messages/${name}` }]),
  );
  return {
    asyncapi: "3.0.0",
    id: "urn:ecs-reinstall-worker",
    info: {
      title: "ecs-reinstall-worker",
      version: "1.0.0",
      description:
        "Commands that have servers reinstalled, and the events that tell what became of them. How to read it, and what may change within a version: docs/contract/README.md. The names are the defaults.",
      license: { name: "Apache-2.0" },
    },
    defaultContentType: "application/json",
    servers: {
      rabbitmq: {
        host: "rabbitmq.example:5671",
        protocol: "amqps",
        protocolVersion: "0.9.1",
        description: "RabbitMQ 3.10 to 4.x; TLS, and a user for each program (docs/security.md)",
        security: [{ $ref: "#/components/securitySchemes/user" }],
      },
    },
    channels: {
      commands: {
        address: "reinstall",
        title: "where emitters publish",
        description: "Persistent, mandatory, with a publisher confirm. Any routing key is bound.",
        messages: { command: { $ref: "#/components/messages/command" } },
        bindings: exchange(names.commandsExchange),
      },
      commandsQueue: {
        address: names.commandsQueue,
        title: "where the worker consumes",
        messages: { command: { $ref: "#/components/messages/command" } },
        bindings: queue(names.commandsQueue),
      },
      events: {
        address: "{project_id}.{server_id}.{event}",
        title: "where the worker publishes",
        parameters: {
          project_id: { description: "the project; `-` when the command named none validly" },
          server_id: { description: "the server; `-` when the command named none validly" },
          event: { description: "the event's name", enum: [...CONTRACT_EVENTS] },
        },
        messages: eventMessages,
        bindings: exchange(names.eventsExchange),
      },
      operator: {
        address: "operator.{action}",
        title: "what people did by hand",
        parameters: { action: { description: "what was done", enum: [...OPERATOR_ACTIONS] } },
        messages: { operator: { $ref: "#/components/messages/operator" } },
        bindings: exchange(names.eventsExchange),
      },
      misuse: {
        address: "{event}",
        title: "answers to a misuse of an id that asked for no reply",
        parameters: { event: { description: "the answer's name", enum: [...MISUSE] } },
        messages: misuseMessages,
        bindings: exchange(names.eventsExchange),
      },
      replies: {
        address: null,
        title: "the queue of the command's reply_to",
        description:
          "The one final event, or the answer to a misuse, with the command's correlation_id.",
        messages: eventMessages,
      },
      dead: {
        address: names.deadQueue,
        title: "for people: copies without secrets of what could not be understood or carried on",
        messages: { dead: { $ref: "#/components/messages/dead" } },
        bindings: queue(names.deadQueue),
      },
    },
    operations: {
      receiveCommand: {
        action: "receive",
        channel: { $ref: "#/channels/commandsQueue" },
        summary: "takes a command",
        bindings: { amqp: { ack: true, bindingVersion: "0.3.0" } },
        reply: {
          address: { location: "$message.header#/reply_to" },
          channel: { $ref: "#/channels/replies" },
        },
      },
      publishCommand: {
        action: "receive",
        channel: { $ref: "#/channels/commands" },
        summary: "what an emitter publishes is routed to the queue",
        bindings: { amqp: { deliveryMode: 2, mandatory: true, bindingVersion: "0.3.0" } },
      },
      tellEvent: {
        action: "send",
        channel: { $ref: "#/channels/events" },
        summary: "says what became of a command",
        bindings: { amqp: { deliveryMode: 2, mandatory: true, bindingVersion: "0.3.0" } },
      },
      answerMisuse: {
        action: "send",
        channel: { $ref: "#/channels/misuse" },
        summary: "answers a second copy of a command, or another content under its id",
      },
      tellAction: {
        action: "send",
        channel: { $ref: "#/channels/operator" },
        summary: "says what a person did by hand, who and why",
        bindings: { amqp: { deliveryMode: 2, mandatory: true, bindingVersion: "0.3.0" } },
      },
      setAside: {
        action: "send",
        channel: { $ref: "#/channels/dead" },
        summary: "keeps what needs a person",
      },
    },
    components: {
      messages: {
        command: commandMessage(),
        ...Object.fromEntries(CONTRACT_EVENTS.map((name) => [name, eventMessage(name)])),
        operator: operatorMessage(),
        dead: DEAD,
      },
      securitySchemes: {
        user: {
          type: "userPassword",
          description:
            "A RabbitMQ user with the rights of config/rabbitmq-permissions.example; who may publish a command can wipe disks.",
        },
      },
    },
  };
}

interface BrokerNames {
  readonly commandsExchange: string;
  readonly commandsQueue: string;
  readonly eventsExchange: string;
  readonly deadQueue: string;
}

function brokerNames(): BrokerNames {
  const { amqp } = readSources({}).defaults as { amqp: { names: BrokerNames } };
  return amqp.names;
}

function commandMessage(): object {
  return {
    title: "the command",
    contentType: "application/json",
    headers: {
      type: "object",
      description: "AMQP properties by their names, and headers.",
      properties: {
        message_id: { type: "string", description: "the command's id where the body has none" },
        timestamp: { type: "integer", description: "seconds; the command's age counts from it" },
        reply_to: { type: "string", description: "a queue that also gets the final event" },
        correlation_id: { type: "string", description: "goes with it" },
        traceparent: { type: "string", description: "W3C trace context; copied to every event" },
        tracestate: { type: "string", description: "W3C trace context; copied to every event" },
      },
    },
    payload: wireSchema(CommandBody, "draft-7"),
    bindings: { amqp: { messageType: "command", bindingVersion: "0.3.0" } },
    examples: samples("command-")
      .filter(([name]) => !name.includes("cloudevent"))
      .map(([name, payload]) => ({ name, payload })),
  };
}

function eventMessage(name: ContractEventName): object {
  return {
    title: `the event \`${name}\``,
    contentType: "application/cloudevents+json",
    headers: {
      type: "object",
      description: "AMQP properties by their names.",
      properties: {
        message_id: { type: "string", description: "the event's id" },
        correlation_id: { type: "string", description: "of a reply: the command's" },
      },
    },
    payload: wireSchema(EVENTS[name], "draft-7"),
    bindings: { amqp: { messageType: `ecs.reinstall.${name}.v1`, bindingVersion: "0.3.0" } },
    examples: samples(`event-${name}.`).map(([sample, payload]) => ({ name: sample, payload })),
  };
}

function operatorMessage(): object {
  return {
    title: "what a person did by hand",
    contentType: "application/cloudevents+json",
    headers: {
      type: "object",
      description: "AMQP properties by their names.",
      properties: { message_id: { type: "string", description: "the event's id" } },
    },
    payload: wireSchema(OperatorEvent, "draft-7"),
    bindings: { amqp: { messageType: "ecs.reinstall.operator.v1", bindingVersion: "0.3.0" } },
    examples: samples("operator-").map(([name, payload]) => ({ name, payload })),
  };
}

const DEAD = {
  title: "a copy without secrets",
  contentType: "application/json",
  headers: {
    type: "object",
    properties: { "x-reason": { type: "string", description: "why it lies here" } },
  },
  payload: { type: "object", description: "what was known of it; its form is for people" },
  bindings: { amqp: { messageType: "ecs.reinstall.dead.v1", bindingVersion: "0.3.0" } },
};

function exchange(name: string): object {
  return {
    amqp: {
      is: "routingKey",
      exchange: { name, type: "topic", durable: true, autoDelete: false, vhost: "/" },
      bindingVersion: "0.3.0",
    },
  };
}

function queue(name: string): object {
  return { amqp: { is: "queue", queue: { name, ...QUORUM }, bindingVersion: "0.3.0" } };
}

function samples(start: string): (readonly [name: string, payload: unknown])[] {
  return readdirSync(SAMPLES)
    .filter((name) => name.startsWith(start))
    .toSorted()
    .map((name) => [
      name.replace(/\.json$/, ""),
      JSON.parse(readFileSync(new URL(name, SAMPLES), "utf8")) as unknown,
    ]);
}
