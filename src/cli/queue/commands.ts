/** The command line of `mailwright queue`. */
import { createInterface } from 'node:readline/promises'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Config } from '../../platform/config.ts'
import type { QueueFilter, QueueTarget, Terminal } from './queue.ts'
import { queueActions, queueStates } from './words.ts'

const summaries = {
  retry: 'try queued recipients again at once',
  hold: 'keep queued recipients from being sent',
  release: 'let held recipients go on',
  drop: 'take back what has not left; nobody is notified',
} as const

const terminal: Terminal = {
  write: (text) => void process.stdout.write(text),
  async confirm(question) {
    if (!process.stdin.isTTY) throw new Error(`${question} Nobody can be asked here; add --yes`)
    const lines = createInterface({ input: process.stdin, output: process.stderr })
    const answer = await lines.question(`${question} [y/N] `)
    lines.close()
    return /^y(es)?$/i.test(answer.trim())
  },
}

/** @param run opens what a command needs, and tells what is in its way. */
export function addQueueCommands(
  program: Command,
  run: (command: (config: Config) => Promise<void>) => Promise<void>,
): void {
  const queue = program.command('queue').description('the outbound queue, also while the server runs')
  queue
    .command('list')
    .description('what waits, the oldest first')
    .addOption(new Option('--state <state>', 'only of this state').choices(queueStates))
    .option('--domain <domain>', "only to this recipients' domain")
    .option('--mailbox <address>', 'only from this mailbox')
    .option('--limit <number>', 'rows at most', positive, 100)
    .option('--json', 'one JSON object a line')
    .action((options: QueueFilter & { limit: number; json?: boolean }) =>
      run(async (config) => (await import('./queue.ts')).queueList(config, options, terminal)),
    )
  queue
    .command('show')
    .description('everything that happened to a message')
    .argument('<id>', 'of the message or of a recipient')
    .option('--json', 'as JSON')
    .action((id: string, options: { json?: boolean }) =>
      run(async (config) => (await import('./queue.ts')).queueShow(config, id, options, terminal)),
    )
  for (const action of queueActions) {
    queue
      .command(action)
      .description(summaries[action])
      .argument('[id]', 'of a recipient, or of a message for all its recipients')
      .option('--domain <domain>', "all to this recipients' domain")
      .option('--mailbox <address>', 'all from this mailbox')
      .option('--all', 'everything')
      .option('--reason <text>', 'goes into the timeline')
      .option('--yes', 'do not ask')
      .action((id: string | undefined, options: QueueTarget) =>
        run(async (config) =>
          (await import('./queue.ts')).queueAct(
            config,
            action,
            { ...options, ...(id === undefined ? {} : { id }) },
            terminal,
          ),
        ),
      )
  }
}

function positive(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > 1_000_000) {
    throw new InvalidArgumentError('must be a whole number from 1 to 1000000.')
  }
  return value
}
