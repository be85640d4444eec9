/** The command line of `mailwright tail`. */
import { once } from 'node:events'
import { type Command, Option } from 'commander'
import type { Config } from '../../platform/config.ts'
import { type TailOptions, type TailOutput, tailEvents } from './tail.ts'

/** @param run opens what a command needs, and tells what is in its way. */
export function addTailCommand(
  program: Command,
  run: (command: (config: Config) => Promise<void>) => Promise<void>,
): void {
  program
    .command('tail')
    .description('follow the events of a running server; Ctrl-C ends it')
    .option('--types <types>', 'only these, such as message.*,domain.created')
    .option('--mailbox <mailbox>', 'only what concerns this address or id')
    .option('--since <cursor>', 'go on behind this cursor; without it, from now')
    .addOption(new Option('--of <whose>', 'whose events').choices(['workspace', 'organization']))
    .option('--workspace <id>', 'a workspace other than the default')
    .option('--json', 'each event as JSON, with its cursor')
    .option('--url <url>', 'the server; without it, the one of the data directory')
    .option('--key-file <file>', 'an API key; - reads it from standard input')
    .action((options: TailOptions) => run((config) => tail(config, options)))
}

async function tail(config: Config, options: TailOptions): Promise<void> {
  const stop = new AbortController()
  const end = (): void => stop.abort()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end)
  process.stdout.once('error', end) // whoever read it has gone
  await tailEvents(config, options, outputTo(stop.signal), stop.signal)
}

function outputTo(stop: AbortSignal): TailOutput {
  return {
    async write(text) {
      if (process.stdout.write(text)) return
      await once(process.stdout, 'drain', { signal: stop })
    },
    say: (text) => void process.stderr.write(`${text}\n`),
  }
}
