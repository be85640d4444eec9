/** `mailwright tail`: follows the events of a running server by its API, over any break of the connection. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../../platform/config.ts'
import { eventLine } from './line.ts'
import { readServerSentEvents } from './sse.ts'

export type TailOptions = {
  /** Default: the server of the data directory. */
  url?: string
  keyFile?: string
  types?: string
  mailbox?: string
  of?: string
  workspace?: string
  /** The cursor to go on from. */
  since?: string
  json?: boolean
}

export type TailOutput = {
  /** Resolves when more may be written. */
  write(text: string): Promise<void>
  /** For what is no event. */
  say(text: string): void
}

const retryMs = { min: 200, max: 10_000 } as const
/** The server says every 15 seconds that it is there. */
const silenceMs = 45_000

/** Follows until it is stopped. @throws when the server refuses what is asked for. */
export async function tailEvents(
  config: Config,
  options: TailOptions,
  output: TailOutput,
  stop: AbortSignal,
): Promise<void> {
  const key = await keyOf(config, options)
  const asked = Object.entries({ types: options.types, mailbox: options.mailbox, of: options.of })
  const query = new URLSearchParams(
    asked.flatMap(([name, value]): [string, string][] => (value === undefined ? [] : [[name, value]])),
  )
  let cursor = options.since ?? null
  let delayMs: number = retryMs.min
  while (!stop.aborted) {
    try {
      const url = `${await serverOf(config, options)}/v1/events/stream?${query}`
      for await (const { id, data } of open(url, headersOf(key, options, cursor), stop)) {
        delayMs = retryMs.min
        if (data !== null)
          await output.write(`${options.json === true ? data : eventLine(JSON.parse(data))}\n`)
        cursor = id ?? cursor // only now: what was not written is asked for again
      }
    } catch (error) {
      if (stop.aborted) return
      if (error instanceof TailRefused) throw error
      output.say(`The stream broke (${reasonOf(error)}); connecting again.`)
    }
    await sleep(delayMs, null, { signal: stop }).catch(() => undefined)
    delayMs = Math.min(delayMs * 2, retryMs.max)
  }
}

/** The server does not do what is asked, and will not later either. */
class TailRefused extends Error {}

async function* open(
  url: string,
  headers: Record<string, string>,
  stop: AbortSignal,
): ReturnType<typeof readServerSentEvents> {
  const silence = new AbortController()
  const timer = setTimeout(() => silence.abort(new Error('the server says nothing')), silenceMs)
  try {
    const response = await fetch(url, { headers, signal: AbortSignal.any([stop, silence.signal]) })
    if (response.status !== 200 || response.body === null) throw await refusalOf(response)
    for await (const event of readServerSentEvents(response.body)) {
      timer.refresh()
      yield event
    }
  } finally {
    clearTimeout(timer)
  }
}

async function refusalOf(response: Response): Promise<Error> {
  const problem: unknown = await response.json().catch(() => null)
  const { detail = response.statusText, code = '' } = Object(problem)
  const sentence = `the server answers ${response.status} ${code}: ${detail}`
  const isForNow = response.status === 429 || response.status >= 500
  return isForNow ? new Error(sentence) : new TailRefused(sentence)
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return cause instanceof Error ? cause.message : String(cause)
}

function headersOf(key: string, { workspace }: TailOptions, cursor: string | null): Record<string, string> {
  return {
    authorization: `Bearer ${key}`,
    ...(workspace === undefined ? {} : { 'mailwright-workspace': workspace }),
    ...(cursor === null ? {} : { 'last-event-id': cursor }),
  }
}

async function keyOf(config: Config, { keyFile }: TailOptions): Promise<string> {
  if (keyFile !== undefined) {
    return (keyFile === '-' ? await text(process.stdin) : await readFile(keyFile, 'utf8')).trim()
  }
  if (config.bootstrapApiKey !== null) return config.bootstrapApiKey
  throw new Error('an API key is needed: give --key-file; `mailwright keys create` makes a key')
}

/** Read anew at each connection: a server that was started again may be at another port. */
async function serverOf({ dataDir }: Config, { url }: TailOptions): Promise<string> {
  if (url !== undefined) return url.replace(/\/+$/, '')
  const file = await readFile(join(dataDir, 'endpoints.json'), 'utf8').catch(() => null)
  if (file === null) throw new Error(`no server runs on ${dataDir}; --url names one elsewhere`)
  const { http, https } = Object(JSON.parse(file))
  if (typeof http === 'string') return http
  if (typeof https === 'string') return https
  throw new Error('the server of this data directory has no HTTP listener')
}
