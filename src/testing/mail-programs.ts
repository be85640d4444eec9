/** For tests of mail programs: accounts on the real server, and the programs run as their users run them. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { addressOf, type ChildServer, callApi, startChildServer } from './child-server.ts'
import { loadMessage, sendLoad } from './smtp-load.ts'
import { temporaryDirectory } from './test-database.ts'

export type Account = { address: string; password: string }

export type AccountServer = {
  server: ChildServer
  dataDir: string
  newAccount(): Promise<Account>
  /** By SMTP, from outside. */
  deliver(account: Account, count: number): Promise<void>
}

/** Goes with the stack. */
export async function startAccountServer(
  stack: AsyncDisposableStack,
  domain: string,
): Promise<AccountServer> {
  const dataDir = await temporaryDirectory(stack)
  const server = stack.use(await startChildServer(dataDir))
  await callApi(server, 'POST', '/v1/domains', { name: domain })
  let made = 0
  return {
    server,
    dataDir,
    async newAccount() {
      const address = `user${++made}@${domain}`
      await callApi(server, 'POST', '/v1/mailboxes', { address })
      const { password } = await callApi<Account>(server, 'GET', `/v1/mailboxes/${address}/credentials`)
      return { address, password }
    },
    async deliver({ address }, count) {
      let sent = 0
      const { accepted } = await sendLoad({
        ...addressOf(server.endpoints.smtp),
        sessions: 1,
        next: () => (sent < count ? loadMessage(`${address.split('@')[0]}-${sent++}`, address, 2000) : null),
      })
      assert.equal(accepted, count)
    },
  }
}

const run = promisify(execFile)
const programMsMax = 30_000

/** @returns the exit code (refusals are expected of some) and what was printed. */
export async function runProgram(
  program: string,
  args: string[],
  environment: Record<string, string> = {},
): Promise<[code: number, output: string]> {
  try {
    const env = { ...process.env, ...environment }
    const { stdout, stderr } = await run(program, args, { timeout: programMsMax, env })
    return [0, stdout + stderr]
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: number; stdout?: string; stderr?: string }
    return [typeof code === 'number' ? code : -1, `${stdout ?? ''}${stderr ?? ''}`]
  }
}
