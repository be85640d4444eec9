/**
 * Whole lives by the clients of two vendors: a domain is bought and set up, thirty mailboxes are bought in it, mail programs
 * log in to them with what the client reads, all are exported to a sequencer that fails, some are cancelled, one of those is
 * kept, the others end with their period; and the money is what the prices say.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ImapFlow } from 'imapflow'
import { sql } from 'kysely'
import { createTransport } from 'nodemailer'
import { startCommitLane } from '../src/delivery/commit-lane.ts'
import { startRecipientResolver } from '../src/delivery/recipients.ts'
import { jobHandlers } from '../src/job-handlers.ts'
import { loadTls } from '../src/platform/tls.ts'
import { startImapListener } from '../src/protocols/imap/listener.ts'
import { startSmtpListener } from '../src/protocols/smtp/listener.ts'
import { startSmartleadStandIn } from '../src/testing/sequencers/smartlead.ts'
import { faulty, type StandIn } from '../src/testing/sequencers/stand-in.ts'
import { at, listAt, type Reply, textAt } from '../src/testing/test-api.ts'
import { assertBooks, balanceOf, giveMoney, setPrice } from '../src/testing/test-billing.ts'
import { runJobs } from '../src/testing/test-jobs.ts'
import { publicPorts } from '../src/testing/test-sequencers.ts'
import { appCode } from '../src/testing/test-totp.ts'
import { startTestVendor, type TestVendor } from '../src/testing/test-vendors.ts'

const count = 30
const price = 300
const money = 50_000
const names = Array.from({ length: count }, (_, n) => `person${n}`)

type Secrets = { address: string; appPassword: string; totp: string; id: string }

/** What a vendor's client does, in its own calls. */
type Client = {
  /** @returns in minor units what it cost. */
  buyDomain(name: string): Promise<number>
  isUsable(name: string): Promise<boolean>
  buyMailboxes(domain: string): Promise<void>
  secrets(domain: string): Promise<Secrets[]>
  code(mailbox: Secrets): Promise<string>
  exportAll(sequencerId: string, mailboxes: readonly Secrets[]): Promise<void>
  cancel(mailboxes: readonly Secrets[]): Promise<void>
  keep(mailboxes: readonly Secrets[]): Promise<void>
  /** The addresses that are in use. */
  inUse(domain: string): Promise<string[]>
  /** In minor units. */
  balance(): Promise<number>
}

async function ok(reply: Promise<Reply>): Promise<unknown> {
  const { status, text, json } = await reply
  assert.ok(status < 300, `${status} ${text}`)
  return json
}

const cents = (amount: unknown): number => Math.round(Number(amount) * 100)

function inboxkitClient(u: TestVendor): Client {
  const list = async (domain: string) => {
    const rows: unknown[] = []
    for (let page = 1; ; page += 1) {
      const json = await ok(u.operate('listMailboxes', { body: { domain, page, limit: 20 } }))
      rows.push(...listAt(json, 'mailboxes'))
      if (page >= Number(at(json, 'pages'))) return rows
    }
  }
  return {
    async buyDomain(name) {
      const example = Object(u.exampleOf('registerDomains'))
      const body = { ...example, domains: [{ name, registration_years: 1 }], use_wallet_balance: true }
      const { catch_all_email: _, ...plain } = body
      return cents(at(await ok(u.operate('registerDomains', { body: plain })), 'total_cost'))
    },
    async isUsable(name) {
      const json = await ok(u.operate('listDomains', { body: { keyword: name } }))
      return at(json, 'domains', '0', 'status') === 'active'
    },
    async buyMailboxes(domain) {
      const mailboxes = names.map((username) => ({
        first_name: 'Ada',
        last_name: 'Quill',
        username,
        platform: 'GOOGLE',
        domain_name: domain,
      }))
      await ok(u.operate('buyMailboxes', { body: { mailboxes, use_wallet_balance: true } }))
    },
    async secrets(domain) {
      const rows = await list(domain)
      return await Promise.all(
        rows.map(async (row) => {
          const id = textAt(row, 'uid')
          const shown = await ok(u.operate('showMailboxCredentials', { query: { uid: id } }))
          return {
            id,
            address: `${textAt(row, 'username')}@${textAt(row, 'domain_name')}`,
            appPassword: textAt(shown, 'app_password'),
            totp: textAt(shown, 'secret'),
          }
        }),
      )
    },
    code: async ({ id }) => textAt(await ok(u.operate('generateMailboxTotp', { ids: [id] })), 'totp'),
    async exportAll(sequencerId, mailboxes) {
      const listed = await ok(u.operate('listSequencers', { body: {} }))
      assert.deepEqual(
        listAt(listed, 'data').map((one) => at(one, 'uid')),
        [sequencerId],
      )
      const body = { sequencer_uid: sequencerId, mailbox_uids: mailboxes.map(({ id }) => id) }
      const made = await ok(u.operate('exportMailboxes', { body }))
      assert.equal(at(made, 'results', 'new_exports_created'), mailboxes.length)
    },
    async cancel(mailboxes) {
      await ok(u.operate('cancelMailboxes', { body: { uids: mailboxes.map(({ id }) => id) } }))
    },
    async keep(mailboxes) {
      const json = await ok(u.operate('uncancelMailboxes', { body: { uids: mailboxes.map(({ id }) => id) } }))
      assert.equal(listAt(json, 'results', 'success').length, mailboxes.length)
    },
    async inUse(domain) {
      const rows = await list(domain)
      return rows
        .filter((row) => at(row, 'status') === 'active')
        .map((row) => `${textAt(row, 'username')}@${domain}`)
        .sort()
    },
    balance: async () => cents(at(await ok(u.operate('getWallet')), 'credits_remaining')),
  }
}

function zapmailClient(u: TestVendor): Client {
  const domainId = async (name: string): Promise<string> => {
    const json = await ok(u.operate('listDomains', { query: { contains: name } }))
    return textAt(json, 'data', 'domains', 0, 'id')
  }
  const list = async (domain: string): Promise<unknown[]> => {
    const json = await ok(u.operate('listMailboxes', { query: { contains: domain, limit: '50' } }))
    return listAt(json, 'data', 'domains', 0, 'mailboxes')
  }
  return {
    async buyDomain(name) {
      const details = Object(u.exampleOf('createBillingDetails'))
      await ok(u.operate('createBillingDetails', { body: { ...details, workspaceId: u.scope.workspaceId } }))
      const quote = await ok(u.operate('listAvailableDomains', { body: { domainName: name } }))
      const body = { domains: [{ domainName: name, years: 1 }], useWallet: true }
      await ok(u.operate('buyDomains', { body }))
      return cents(at(quote, 'data', 'exactMatch', 'domainPrice'))
    },
    async isUsable(name) {
      const json = await ok(u.operate('listAssignableDomains', { query: { contains: name } }))
      return listAt(json, 'data', 'domains').length === 1
    },
    async buyMailboxes(domain) {
      const entries = names.map((mailboxUsername) => ({
        firstName: 'Dana',
        lastName: 'Reyes',
        mailboxUsername,
        domainName: domain,
      }))
      await ok(u.operate('assignMailboxes', { body: { [await domainId(domain)]: entries } }))
    },
    async secrets(domain) {
      return (await list(domain)).map((row) => ({
        id: textAt(row, 'id'),
        address: `${textAt(row, 'username')}@${textAt(row, 'domain')}`,
        appPassword: textAt(row, 'appPassword'),
        totp: textAt(row, 'secret'),
      }))
    },
    async code({ id }) {
      return textAt(await ok(u.operate('getAuthenticatorCode', { query: { mailboxId: id } })), 'data', 'code')
    },
    async exportAll(sequencerId, mailboxes) {
      const accounts = await ok(u.operate('listThirdPartyAccounts', { query: { app: 'SMARTLEAD' } }))
      const ids = listAt(accounts, 'data', 'accounts').map((one) => at(one, 'id'))
      assert.deepEqual(ids, [sequencerId])
      const body = {
        apps: ['SMARTLEAD'],
        ids: mailboxes.map(({ id }) => id),
        thirdPartyAccountId: sequencerId,
      }
      await ok(u.operate('exportMailboxes', { body }))
    },
    async cancel(mailboxes) {
      const body = { mailboxIds: mailboxes.map(({ id }) => id), remove: true }
      await ok(u.operate('scheduleMailboxRemoval', { body }))
    },
    async keep(mailboxes) {
      const body = { mailboxIds: mailboxes.map(({ id }) => id), remove: false }
      await ok(u.operate('scheduleMailboxRemoval', { body }))
    },
    async inUse(domain) {
      return (await list(domain))
        .filter((row) => at(row, 'status') === 'ACTIVE')
        .map((row) => `${textAt(row, 'username')}@${domain}`)
        .sort()
    },
    balance: async () => cents(at(await ok(u.operate('getWalletBalance')), 'data', 'walletBalance')),
  }
}

for (const [vendor, clientOf] of [
  ['inboxkit', inboxkitClient],
  ['zapmail', zapmailClient],
] as const) {
  test(`a life by a client of ${vendor}`, async () => {
    await using stack = new AsyncDisposableStack()
    const u = stack.use(
      await startTestVendor(vendor, {
        environment: {
          ...publicPorts,
          MAILWRIGHT_BILLING: 'on',
          MAILWRIGHT_OUTBOUND_NETWORKS: 'any',
          MAILWRIGHT_BOOTSTRAP_EMAIL: 'ops@owner.example',
        },
      }),
    )
    const { platform, scope } = u
    const tool = stack.use(faulty(await startSmartleadStandIn(), { failEvery: 10, loseEvery: 20 }))
    const ports = await listeners(u, stack)
    await setPrice(platform, { item: 'mailbox', service: 'local', period: 'monthly', unit_amount: price })
    await giveMoney(platform, scope, money)
    const settings = { totp_codes_shown: true }
    await ok(u.call('PUT', `/v1/workspaces/${scope.workspaceId}/mailbox-settings`, { body: settings }))
    const client = clientOf(u)
    const domain = `${vendor}-life.test`

    const cost = await client.buyDomain(domain)
    assert.ok(cost > 0)
    await runJobs(platform)
    assert.ok(await client.isUsable(domain))
    await client.buyMailboxes(domain)
    await runJobs(platform)
    const wanted = names.map((name) => `${name}@${domain}`).sort()
    assert.deepEqual(await client.inUse(domain), wanted)
    const mailboxes = await client.secrets(domain)
    assert.equal(mailboxes.length, count)
    assert.equal(await client.balance(), money - cost - count * price)

    const [first, second] = mailboxes
    assert.ok(first && second)
    assert.equal(await client.code(first), appCode(platform, first.totp))
    for (const mailbox of mailboxes) await readsAndSends(ports, mailbox, second.address)
    const letters = await inbox(ports, second)
    assert.equal(letters, count)

    await exportTo(u, tool, client, mailboxes)
    assert.deepEqual([...tool.accounts.keys()].sort(), wanted)
    assert.deepEqual(tool.taken.toSorted(), wanted, 'none came in twice')
    assert.ok(tool.lost.includes('POST /email-accounts/save'), 'an account whose addition was not answered')
    assert.deepEqual(tool.complaints, [])
    for (const { address, appPassword } of mailboxes) {
      assert.equal(tool.accounts.get(address)?.password, appPassword)
    }

    const going = mailboxes.slice(0, 3)
    await client.cancel(going)
    await client.keep(going.slice(0, 1))
    await ok(u.call('POST', '/v1/test/clock', { body: { advance: 'P1M' } }))
    await jobHandlers['mailbox.end_periods'](platform, {})
    await runJobs(platform)
    await jobHandlers['billing.number_invoices'](platform, {})
    const gone = new Set(going.slice(1).map(({ address }) => address))
    assert.deepEqual(
      await client.inUse(domain),
      wanted.filter((address) => !gone.has(address)),
    )
    const left = money - cost - count * price - (count - gone.size) * price
    assert.equal(await client.balance(), left)
    assert.deepEqual(await balanceOf(platform, scope.workspaceId), { balance: left, held: 0 })
    const { rows } = await sql<{ sum: number }>`select sum(total)::int as sum from invoices`.execute(
      platform.db,
    )
    assert.equal(rows[0]?.sum, money - left)
    await assertBooks(platform)
  })
}

type Ports = { imap: number; submission: number }

async function listeners(u: TestVendor, stack: AsyncDisposableStack): Promise<Ports> {
  const { platform, config } = u
  const tls = await loadTls(config, new Date())
  const host = '127.0.0.1'
  const imap = await startImapListener(platform, { name: 'imap', host, port: 0, tls })
  stack.defer(() => imap.stop())
  const recipients = startRecipientResolver(platform)
  stack.defer(() => recipients.stop())
  const lane = startCommitLane(platform)
  stack.defer(() => lane.stop())
  const smtp = await startSmtpListener(platform, { name: 'submission', host, port: 0, tls, lane, recipients })
  stack.defer(() => smtp.stop())
  return { imap: imap.port, submission: smtp.port }
}

async function logIn(
  { imap: port }: Ports,
  { address: user, appPassword: pass }: Secrets,
): Promise<ImapFlow> {
  const client = new ImapFlow({
    host: '127.0.0.1',
    port,
    secure: false,
    tls: { rejectUnauthorized: false },
    auth: { user, pass },
    logger: false,
  })
  await client.connect()
  return client
}

async function readsAndSends(ports: Ports, mailbox: Secrets, to: string): Promise<void> {
  const client = await logIn(ports, mailbox)
  assert.ok(await client.mailboxOpen('INBOX'))
  await client.logout()
  const transport = createTransport({
    host: '127.0.0.1',
    port: ports.submission,
    tls: { rejectUnauthorized: false },
    auth: { user: mailbox.address, pass: mailbox.appPassword },
  })
  await transport.sendMail({ from: mailbox.address, to, subject: 'Hello', text: 'Hello.' })
  transport.close()
}

async function inbox(ports: Ports, mailbox: Secrets): Promise<number> {
  const client = await logIn(ports, mailbox)
  const status = await client.status('INBOX', { messages: true })
  await client.logout()
  return status === false ? 0 : (status.messages ?? 0)
}

/** Until all are there: what failed is tried again when its time comes. */
async function exportTo(
  u: TestVendor,
  tool: StandIn,
  client: Client,
  mailboxes: readonly Secrets[],
): Promise<void> {
  const settings = { base_url: tool.url, calls_per_minute: 60_000 }
  const body = { name: 'Ours', platform: 'smartlead', settings, key: tool.key }
  let sequencer = await u.call('POST', '/v1/sequencers', { body })
  while (sequencer.status >= 500) sequencer = await u.call('POST', '/v1/sequencers', { body })
  assert.equal(sequencer.status, 201, sequencer.text)
  await client.exportAll(textAt(sequencer.json, 'id'), mailboxes)
  for (let round = 0; round < 30; round += 1) {
    await runJobs(u.platform)
    const json = await ok(u.call('GET', '/v1/exports'))
    if (at(json, 'data', '0', 'state') === 'completed') {
      assert.equal(at(json, 'data', '0', 'done'), mailboxes.length)
      return
    }
    await ok(u.call('POST', '/v1/test/clock', { body: { advance: 'PT2M' } }))
    await jobHandlers['sequencers.find_changes'](u.platform, {})
  }
  assert.fail('the export does not end')
}
