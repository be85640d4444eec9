/** A platform of a test's own, on a database of its own. */
import { bootstrap } from '../accounts/bootstrap.ts'
import type { Scope } from '../accounts/principals.ts'
import { connectDomain, type Domain } from '../domains/domains.ts'
import { provisionMailbox } from '../mailboxes/provision.ts'
import type { MailboxOwner } from '../messages/owner.ts'
import { type OpenPlatform, openPlatform } from '../open-platform.ts'
import { type Config, loadConfig } from '../platform/config.ts'
import { transaction } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { migratedDatabase, temporaryDirectory } from './test-database.ts'

export type TestMailbox = { address: string; password: string; mailboxId: string; owner: MailboxOwner }

export type TestPlatform = AsyncDisposable & {
  platform: Platform
  config: Config
  /** The bootstrap key, which may do everything. */
  apiKey: string
  /** The default workspace, with a domain `demo.test`. */
  scope: Scope
  createMailbox(address?: string): Promise<TestMailbox>
  /** A mailbox of `sender.example`, which is no sandbox: it may send to the outside. */
  createSender(): Promise<TestMailbox>
  /** Connects a domain outside .test, as if its ownership had been proved. */
  connectActiveDomain(name: string): Promise<Domain>
}

export const testApiKey = 'mw_test_key_that_only_tests_know_0123456789'

/** Any free port for each listener; no secrets of the machine's environment. */
export function testConfig(environment: Record<string, string>): Config {
  const result = loadConfig({
    MAILWRIGHT_LOG_LEVEL: 'error',
    MAILWRIGHT_HTTP_PORT: '0',
    MAILWRIGHT_SMTP_PORT: '0',
    MAILWRIGHT_SUBMISSION_PORT: '0',
    MAILWRIGHT_SUBMISSIONS_PORT: '0',
    MAILWRIGHT_IMAP_PORT: '0',
    MAILWRIGHT_IMAPS_PORT: '0',
    MAILWRIGHT_POP3_PORT: '0',
    MAILWRIGHT_POP3S_PORT: '0',
    MAILWRIGHT_DNS_PORT: '0',
    MAILWRIGHT_BOOTSTRAP_API_KEY: testApiKey,
    MAILWRIGHT_BOOTSTRAP_PASSWORD: 'a password for tests',
    MAILWRIGHT_TEST_CLOCK: '1',
    MAILWRIGHT_LOGIN_FAILURES_MAX: '1000', // all of a test’s clients come from one address
    MAILWRIGHT_RESOLVER: '127.0.0.1:1', // nobody answers there: a test that needs DNS brings its own
    ...environment,
  })
  if (!result.ok) throw new Error(result.problems.join('\n'))
  return result.config
}

/** Opens a platform without listeners. The first mailbox made is `user1@demo.test`, and so on. */
export async function startTestPlatform(environment: Record<string, string> = {}): Promise<TestPlatform> {
  await using stack = new AsyncDisposableStack()
  const dataDir = await temporaryDirectory(stack)
  const databaseUrl = await migratedDatabase(stack)
  const config = testConfig({ MAILWRIGHT_DATA_DIR: dataDir, DATABASE_URL: databaseUrl, ...environment })
  const opened: OpenPlatform = stack.use(await openPlatform(config))
  const { platform } = opened
  await bootstrap(platform)
  const scope = await defaultScope(platform)
  await transaction(platform.db, (tx) => connectDomain(platform, tx, scope, 'demo.test'))
  let made = 0
  let senders: Promise<Domain> | null = null
  const running = stack.move()
  return {
    platform,
    config,
    apiKey: testApiKey,
    scope,
    connectActiveDomain: (name) => connectActiveDomain(platform, scope, name),
    async createSender() {
      senders ??= connectActiveDomain(platform, scope, 'sender.example')
      await senders
      return await createMailbox(platform, scope, `sender${++made}@sender.example`)
    },
    createMailbox: (address = `user${++made}@demo.test`) => createMailbox(platform, scope, address),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

async function connectActiveDomain(platform: Platform, scope: Scope, name: string): Promise<Domain> {
  return await transaction(platform.db, async (tx) => {
    const { id } = await connectDomain(platform, tx, scope, name)
    return await tx
      .updateTable('domains')
      .set({ state: 'active' })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow()
  })
}

async function createMailbox(platform: Platform, scope: Scope, address: string): Promise<TestMailbox> {
  return await transaction(platform.db, async (tx) => {
    const mailbox = await provisionMailbox(platform, tx, scope, {
      address,
      displayName: null,
      firstName: null,
      lastName: null,
      password: 'correct horse battery',
      tags: [],
      service: 'local',
    })
    return {
      address: mailbox.address,
      password: 'correct horse battery',
      mailboxId: mailbox.id,
      owner: {
        organizationId: scope.organizationId,
        workspaceId: scope.workspaceId,
        mailboxId: mailbox.id,
      },
    }
  })
}

async function defaultScope(platform: Platform): Promise<Scope> {
  const workspace = await platform.db
    .selectFrom('workspaces')
    .select(['id', 'organization_id'])
    .where('is_default', '=', true)
    .executeTakeFirstOrThrow()
  return {
    organizationId: workspace.organization_id,
    workspaceId: workspace.id,
    mailboxId: null,
    access: 'write',
    actor: 'test',
  }
}
