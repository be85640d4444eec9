/**
 * The command line. Each command opens what it needs, does its work, and closes it again. It is imported when it is called:
 * the whole program takes seconds to load, and help needs none of it.
 */
import { readFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import { addQueueCommands } from './cli/queue/commands.ts'
import { addTailCommand } from './cli/tail/commands.ts'
import { type TransferFormat, transferFormats } from './cli/transfer-formats.ts'
import { addWalletCommands } from './cli/wallet-commands.ts'
import { type Config, loadConfig } from './platform/config.ts'
import { configurationReference } from './platform/config-reference.ts'
import { DataDirectoryInUse } from './platform/data-directory.ts'

/** Exit codes: 1 is a failure, 2 a wrong configuration or command line. */
const exitFailed = 1
const exitUsage = 2

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string
}

const program = new Command('mailwright')
  .description('A self-hosted mailbox platform: domains and mailboxes by API, and the servers that run them.')
  .version(version)
  .showHelpAfterError()

program
  .command('serve')
  .description('start everything that the configuration asks for')
  .action(() => run(async (config) => (await import('./cli/serve.ts')).serve(config)))

program
  .command('demo')
  .description('show the whole way of a message, in a directory of its own that is removed afterwards')
  .action(() => run(async () => (await import('./cli/demo/demo.ts')).runDemo()))

program
  .command('migrate')
  .description('bring the database up to date without starting the server')
  .action(() => run(async (config) => (await import('./cli/migrate.ts')).migrateDatabase(config)))

program
  .command('keys')
  .description('API keys')
  .command('create')
  .description('make an API key of the whole organization and print it once')
  .argument('[name]', 'what the key is for', 'Made on the command line')
  .action((name: string) => run(async (config) => (await import('./cli/keys.ts')).apiKeyCreate(config, name)))

const formatOption = () =>
  new Option('-f, --format <format>', 'mbox (a file for each folder), maildir or zip (of .eml)').choices(
    transferFormats,
  )

program
  .command('export')
  .description('write a whole mailbox to files, also while the server runs')
  .argument('<address>', 'the mailbox')
  .argument('<path>', 'a new directory, or a new file for zip')
  .addOption(formatOption().default('zip'))
  .action((address: string, path: string, { format }: { format: TransferFormat }) =>
    run(async (config) => (await import('./cli/transfer.ts')).exportCommand(config, address, path, format)),
  )

program
  .command('import')
  .description('read mbox, Maildir, .eml or a zip of them into a mailbox, also while the server runs')
  .argument('<address>', 'the mailbox')
  .argument('<path>', 'what to read')
  .addOption(formatOption())
  .option('--folder <name>', 'where messages go whose file names no folder')
  .action((address: string, path: string, options: { format?: TransferFormat; folder?: string }) =>
    run(async (config) => (await import('./cli/transfer.ts')).importCommand(config, address, path, options)),
  )

program
  .command('copy')
  .description('copy a mailbox from another server over IMAP; run again, it goes on where it was')
  .argument('<address>', 'the mailbox that gets the messages')
  .argument('<from>', 'imaps://USER@HOST[:PORT], or imap:// for STARTTLS')
  .requiredOption('--password-file <file>', "the other server's password; - reads it from standard input")
  .option('--accept-any-certificate', 'for a server whose certificate nobody signed', false)
  .action((address: string, from: string, options: { passwordFile: string; acceptAnyCertificate: boolean }) =>
    run(async (config) => (await import('./cli/transfer.ts')).copyCommand(config, address, from, options)),
  )

program
  .command('vault')
  .description('the master key')
  .command('rotate')
  .description('make a new master key and seal everything again under it; the server must be stopped')
  .action(() => run(async (config) => (await import('./cli/vault.ts')).rotateMasterKey(config)))

addQueueCommands(program, run)
addTailCommand(program, run)
addWalletCommands(program, run)

program
  .command('doctor')
  .description('look at everything that a server needs, and say what is in the way')
  .action(async () => {
    const { doctor } = await import('./cli/doctor/doctor.ts')
    process.exitCode = await doctor(loadConfig(process.env), (text) => void process.stdout.write(text))
  })

program
  .command('config')
  .description('print every variable with its default and meaning')
  .action(() => {
    process.stdout.write(configurationReference())
  })

// Whoever read the output may go away (`| head`): that ends no server, and a demo still cleans up.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)

await program.parseAsync()

/** Runs a command with the configuration; what is in its way is told in sentences, not in stack traces. */
async function run(command: (config: Config) => Promise<void>): Promise<void> {
  const loaded = loadConfig(process.env)
  if (!loaded.ok) {
    for (const problem of loaded.problems) process.stderr.write(`${problem}\n`)
    process.exit(exitUsage)
  }
  try {
    await command(loaded.config)
  } catch (error) {
    process.stderr.write(`Mailwright cannot go on: ${explain(error)}\n`)
    process.exit(error instanceof DataDirectoryInUse ? exitUsage : exitFailed)
  }
}

/** An error with its causes, one sentence after the other; the stack only where the level asks for it. */
function explain(error: unknown): string {
  const sentences: string[] = []
  for (let one = error; one instanceof Error && sentences.length < 5; one = one.cause) {
    sentences.push(sentenceOf(one))
  }
  return sentences.length === 0 ? String(error) : sentences.join(': ')
}

function sentenceOf(error: Error): string {
  const { code, port } = error as NodeJS.ErrnoException & { port?: number }
  if (code === 'EADDRINUSE') return `port ${port ?? ''} is in use already`
  if (code === 'EACCES' && port !== undefined) return `port ${port} needs more rights than this account has`
  return error.message
}
