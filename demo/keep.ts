import { DEFAULT_PROJECT_ID } from "../src/simulator/defaults.ts";
import { eventLine } from "../src/cli/event-line.ts";
import { readEvents } from "./events.ts";
import type { Stage } from "./stage.ts";

/** A server that the story leaves untouched. */
const UNTOUCHED = "web-10";

/** Says where everything is and what to try, and shows every event, until the audience has seen enough. */
export async function stayUp(
  stage: Stage,
  say: (text: string) => void,
  enough: Promise<unknown>,
): Promise<void> {
  const reader = await readEvents(stage.rabbitMq.url, (event) =>
    say(`${event.data.command_id}  ${eventLine(event)}`),
  );
  say(hints(stage));
  await enough;
  await reader.stop();
}

function hints({ rabbitMq, redis, simulator, workers, serverNamed }: Stage): string {
  const alive = workers.filter(({ ending }) => ending === undefined);
  const api = alive[0]?.url ?? "";
  const { id } = serverNamed(UNTOUCHED);
  const cli = "node dist/cli/ecs-reinstall.js";
  return `
Everything is still up.
  RabbitMQ   ${rabbitMq.url}
             ${rabbitMq.managementUrl}  (in a browser; guest, guest)
  Redis      ${redis.url}
  cloud      ${simulator.url}/_sim/servers  /_sim/ledger  /_sim/faults
${alive.map(({ name, url }) => `  ${name}   ${url}/metrics  /readyz  /livez`).join("\n")}
  people     ${api}/  (the status page, in a browser)

Reinstall ${UNTOUCHED} yourself, from this folder in another terminal:
  AMQP_URL=${rabbitMq.url} ${cli} send \\
    --server ${id} \\
    --keyname my-key --userid 7e25b1da389f4697a79df3a0e5bd494e --id mine --wait

See what is known of that command, and what holds that server:
  ${cli} status mine --url ${api}
  ${cli} server ${id} \\
    --project ${DEFAULT_PROJECT_ID} --url ${api}

Let the cloud lose the answer to the next request, then send again with another --id:
  curl ${simulator.url}/_sim/faults -d '{"operation":"reinstall","times":1,"lostReply":true}'

Events are shown below as they come. Ctrl-C stops everything.
`;
}
