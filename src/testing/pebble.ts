/** Debian's pebble: an ACME authority (RFC 8555) of the test's own, which really asks for its challenges. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createSelfSignedCertificate } from '../platform/self-signed-certificate.ts'
import { freePorts } from './free-ports.ts'
import { temporaryDirectory } from './test-database.ts'

export type Pebble = {
  directoryUrl: string
  /** PEM file of what signs pebble's own HTTPS certificate. */
  caFile: string
  /** PEM of the root that its certificates lead to. */
  root: string
  /** Ends it, as an authority that is down. */
  stop(): Promise<void>
}

export type PebbleOptions = {
  /** `ip:port` of the name server that it asks. */
  resolver: string
  /** Where it asks for HTTP-01 challenges. */
  httpPort: number
  validityDays: number
  /** Names that it refuses to sign for. */
  blocked?: string[]
}

const startMsMax = 10_000

/** Starts it. It goes with the stack. */
export async function startPebble(stack: AsyncDisposableStack, options: PebbleOptions): Promise<Pebble> {
  const directory = await temporaryDirectory(stack)
  const [port, managementPort] = await freePorts(2)
  const own = await createSelfSignedCertificate({ hostname: 'localhost', days: 2 })
  const files = {
    cert: join(directory, 'cert.pem'),
    key: join(directory, 'key.pem'),
    config: join(directory, 'pebble.json'),
  }
  await writeFile(files.cert, own.certPem)
  await writeFile(files.key, own.keyPem)
  const pebble = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${managementPort}`,
    certificate: files.cert,
    privateKey: files.key,
    httpPort: options.httpPort,
    tlsPort: 1,
    ocspResponderURL: '',
    externalAccountBindingRequired: false,
    domainBlocklist: options.blocked ?? [],
    certificateValidityPeriod: options.validityDays * 24 * 3600,
  }
  await writeFile(files.config, JSON.stringify({ pebble }))
  const child = spawn('pebble', ['-config', files.config, '-dnsserver', options.resolver], {
    env: { ...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0', PEBBLE_AUTHZREUSE: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-20_000)
    })
  }
  const exited = once(child, 'exit')
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill()
      await exited
    }
  }
  stack.defer(stop)
  const get = (path: string) => getText(`https://127.0.0.1:${path}`, own.certPem)
  const deadline = performance.now() + startMsMax
  for (;;) {
    if (child.exitCode !== null || performance.now() > deadline)
      throw new Error(`pebble did not start: ${output}`)
    if ((await get(`${port}/dir`).catch(() => null)) !== null) break
    await sleep(50)
  }
  return {
    directoryUrl: `https://127.0.0.1:${port}/dir`,
    caFile: files.cert,
    root: await get(`${managementPort}/roots/0`),
    stop,
  }
}

function getText(url: string, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request(url, { ca, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => (response.statusCode === 200 ? resolve(text) : reject(new Error(text))))
    })
      .on('error', reject)
      .end()
  })
}
