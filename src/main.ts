/** The command line. Each command opens what it needs, does its work, and closes it again. */
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { runDemo } from './cli/demo/demo.ts'
import { apiKeyCreate } from './cli/keys.ts'
import { migrateDatabase } from './cli/migrate.ts'
import { serve } from './cli/serve.ts'
import { rotateMasterKey } from './cli/vault.ts'
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
  .action(() => run(serve))

program
  .command('demo')
  .description('show the whole way of a message, in a directory of its own that is removed afterwards')
  .action(() => run(runDemo))

program
  .command('migrate')
  .description('bring the database up to date without starting the server')
  .action(() => run(migrateDatabase))

program
  .command('keys')
  .description('API keys')
  .command('create')
  .description('make an API key of the whole organization and print it once')
  .argument('[name]', 'what the key is for', 'Made on the command line')
  .action((name: string) => run((config) => apiKeyCreate(config, name)))

program
  .command('vault')
  .description('the master key')
  .command('rotate')
  .description('make a new master key and seal everything again under it; the server must be stopped')
  .action(() => run(rotateMasterKey))

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
