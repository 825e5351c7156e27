import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ownedDirectory, run } from "../processes/child-process.ts";
import type { TlsFiles } from "../rabbitmq/rabbitmq-node.ts";

export interface Certificates {
  /** For servers on localhost and 127.0.0.1, or of the names that were asked for. */
  readonly server: TlsFiles;
  /** Signed by the same authority, with `CN=client`. */
  readonly client: TlsFiles;
  remove(): Promise<void>;
}

/**
 * A throw-away authority and what it signed; needs the `openssl` command. A tenth of a second.
 *
 * @param names of the server, as openssl writes them: `DNS:redis.internal`
 */
export async function makeCertificates(
  names = "DNS:localhost,IP:127.0.0.1",
): Promise<Certificates> {
  const folder = await ownedDirectory("ecs-tls-");
  await writeFile(join(folder.path, "names.txt"), `subjectAltName=${names}\n`);
  // File names without a folder: openssl runs in it.
  const openssl = (line: string) => run("openssl", line.split(" "), { cwd: folder.path });
  const sign = async (name: string): Promise<TlsFiles> => {
    await openssl(`req ${NEW_KEY} -subj /CN=${name} -keyout ${name}.key -out ${name}.csr`);
    const by = "-CA ca.crt -CAkey ca.key -CAcreateserial -extfile names.txt";
    await openssl(`x509 -req -days 2 -in ${name}.csr -out ${name}.crt ${by}`);
    return {
      caFile: join(folder.path, "ca.crt"),
      certFile: join(folder.path, `${name}.crt`),
      keyFile: join(folder.path, `${name}.key`),
    };
  };
  await openssl(`req -x509 ${NEW_KEY} -days 2 -subj /CN=test-ca -keyout ca.key -out ca.crt`);
  return {
    server: await sign("server"),
    client: await sign("client"),
    remove: () => folder.remove(),
  };
}

const NEW_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
