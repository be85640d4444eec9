/** Holds the server against the model, by HTTP, IMAP and SMTP. Each difference is an AssertionError that says where. */
import assert from 'node:assert/strict'
import { at, listAt, textAt } from '../test-api.ts'
import {
  aliasesOf,
  appPasswordLogsIn,
  domainOf,
  hasSecondFactor,
  holdsAddress,
  itemStatuses,
  living,
  type ModelBatch,
  type ModelMailbox,
  mailboxOf,
  places,
  primaryLogsIn,
  rcptAnswer,
  type World,
} from './model.ts'
import { poolOfAddresses } from './plan.ts'
import type { ModelServer } from './server.ts'

/** What is seen at once of everything: lists, and what every address is for those who write to it. */
export async function compareLists(server: ModelServer, world: World): Promise<void> {
  const [mailboxes, requests, identities, batches, limits, domains] = await Promise.all([
    server.list('/v1/mailboxes'),
    server.list('/v1/mailbox-requests'),
    server.list('/v1/identities'),
    server.list('/v1/batches'),
    server.list('/v1/mailbox-limits'),
    server.list('/v1/domains'),
  ])
  same(
    mailboxes,
    living(world).map((mailbox) => mailboxView(world, mailbox)),
    'mailboxes',
  )
  same(requests.map(requestShown), requestViews(world), 'requests')
  same(identities.map(identityShown), identityViews(world), 'identities')
  same(
    batches,
    [...world.batches.values()].map((batch) => batchView(world, batch)),
    'batches',
  )
  same(limits.map(limitShown), limitViews(world), 'limits')
  same(
    domains.map((one) => ({ id: at(one, 'id'), state: at(one, 'state') })),
    [...world.domains.values()].map(({ id, state }) => ({ id, state })),
    'domains',
  )
  await compareAddresses(server, world)
}

/** In whatever order. */
function same(actual: readonly unknown[], expected: readonly unknown[], what: string): void {
  const sorted = (list: readonly unknown[]): unknown[] =>
    [...list].sort((a, b) => (textAt(a, 'id') < textAt(b, 'id') ? -1 : 1))
  assert.deepEqual(sorted(actual), sorted(expected), `the ${what} of the server are not those of the model`)
}

function mailboxView(world: World, mailbox: ModelMailbox) {
  const { id, address } = mailbox
  const domain = domainOf(world, address)
  return {
    id,
    address,
    domain: domain?.name,
    domain_id: domain?.id,
    workspace_id: world.workspaceId,
    state: mailbox.state,
    service: 'local',
    display_name: mailbox.displayName,
    first_name: null,
    last_name: null,
    tags: [],
    notes: null,
    signature: null,
    product: null,
    custom_fields: {},
    recovery: null,
    picture: null,
    period: mailbox.period,
    next_period: mailbox.nextPeriod,
    period_ends_at: mailbox.periodEndsAt?.toISOString() ?? null,
    cancel_at_period_end: mailbox.isCanceled,
    in_slot: false,
    unpaid_since: null,
    batch_id: mailbox.batchId,
    version: mailbox.version,
    created_at: mailbox.createdAt.toISOString(),
    updated_at: mailbox.updatedAt.toISOString(),
    state_changed_at: mailbox.stateChangedAt.toISOString(),
    purge_at: mailbox.purgeAt?.toISOString() ?? null,
  }
}

function membersOf(json: unknown, names: readonly string[]) {
  return Object.fromEntries(names.map((name) => [name, at(json, name)]))
}

function requestShown(json: unknown) {
  return membersOf(json, ['id', 'mailbox_id', 'batch_id', 'address', 'domain_id', 'service', 'state', 'note'])
}

function requestViews(world: World) {
  return [...world.requests.values()].map(({ id, mailboxId, batchId, state, note }) => {
    const { address } = mailboxOf(world, mailboxId)
    return {
      id,
      mailbox_id: mailboxId,
      batch_id: batchId,
      address,
      domain_id: domainOf(world, address)?.id,
      service: 'local',
      state,
      note,
    }
  })
}

function identityShown(json: unknown) {
  return membersOf(json, ['id', 'handle', 'mailbox_id', 'address', 'state', 'display_name', 'purge_at'])
}

function identityViews(world: World) {
  return [...world.identities.values()].map(({ id, handle, mailboxId }) => {
    const { address, state, displayName, purgeAt } = mailboxOf(world, mailboxId)
    return {
      id,
      handle,
      mailbox_id: mailboxId,
      address,
      state,
      display_name: displayName,
      purge_at: purgeAt?.toISOString() ?? null,
    }
  })
}

function batchView(world: World, batch: ModelBatch) {
  const statuses = itemStatuses(world, batch)
  const count = (status: string): number => statuses.filter((one) => one === status).length
  return {
    id: batch.id,
    workspace_id: world.workspaceId,
    requested: statuses.length,
    product: null,
    domain_id: batch.domainId,
    created: count('created'),
    pending: count('pending'),
    failed: count('failed'),
    deleted: count('deleted'),
    completed_at: batch.completedAt?.toISOString() ?? null,
    created_at: batch.createdAt.toISOString(),
  }
}

function limitShown(json: unknown) {
  return membersOf(json, ['id', 'per', 'domain_id', 'mailboxes_max'])
}

function limitViews({ domains, workspaceLimit }: World) {
  const ofDomains = [...domains.values()].flatMap(({ id, limit }) =>
    limit === null ? [] : [{ id: limit.id, per: 'domain', domain_id: id, mailboxes_max: limit.max }],
  )
  if (workspaceLimit === null) return ofDomains
  const { id, max } = workspaceLimit
  return [...ofDomains, { id, per: 'workspace', domain_id: null, mailboxes_max: max }]
}

/** Also such as nobody has, or has no longer, and details behind a name. */
async function compareAddresses(server: ModelServer, world: World): Promise<void> {
  const known = [...new Set([...poolOfAddresses, ...world.addresses.keys()])]
  const [first = '', second = ''] = [...world.addresses.keys()].reverse()
  const detailed = [first, second].filter(Boolean).map((address) => address.replace('@', '+news@'))
  const addresses = [...known, ...detailed]
  const answers = await server.rcpt(addresses)
  assert.deepEqual(
    answers.map((answer, index) => `${addresses[index]} ${answer}`),
    addresses.map((address) => `${address} ${rcptAnswer(world, address)}`),
    'RCPT TO is not answered as the model says',
  )
}

/** All that belongs to one mailbox, and whether its passwords log in where they must. */
export async function compareMailbox(
  server: ModelServer,
  world: World,
  mailbox: ModelMailbox,
): Promise<void> {
  const path = `/v1/mailboxes/${mailbox.id}`
  const [shown, aliases, passwords, totp, credentials] = await Promise.all(
    ['', '/aliases', '/app-passwords', '/totp', '/credentials'].map((more) =>
      server.call('GET', path + more),
    ),
  )
  const name = `${mailbox.address} (${mailbox.id})`
  if (mailbox.state === 'deleted') {
    for (const reply of [shown, aliases, passwords, totp, credentials])
      assert.equal(at(reply?.json, 'code'), 'mailbox_not_found', name)
    return
  }
  assert.deepEqual(shown?.json, mailboxView(world, mailbox), name)
  compareAliases(listAt(aliases?.json, 'data'), world, mailbox)
  same(
    listAt(passwords?.json, 'data').map((one) => membersOf(one, ['id', 'name', 'scopes', 'expires_at'])),
    mailbox.appPasswords.map(({ id, name: called, scopes, expiresAt }) => ({
      id,
      name: called,
      // In the order that the documentation names them in.
      scopes: scopes && ['imap', 'pop3', 'smtp', 'api'].filter((scope) => scopes.includes(scope)),
      expires_at: expiresAt?.toISOString() ?? null,
    })),
    `app passwords of ${name}`,
  )
  assert.deepEqual(membersOf(totp?.json, ['enabled', 'pending', 'enabled_at', 'recovery_codes_left']), {
    enabled: hasSecondFactor(mailbox),
    pending: mailbox.totp !== null && !hasSecondFactor(mailbox),
    enabled_at: mailbox.totp?.enabledAt?.toISOString() ?? null,
    recovery_codes_left: hasSecondFactor(mailbox) ? 10 : 0,
  })
  mailbox.password ??= textAt(credentials?.json, 'password') // it was generated
  assert.deepEqual(membersOf(credentials?.json, ['username', 'password', 'password_usable']), {
    username: mailbox.address,
    password: mailbox.password,
    password_usable: !hasSecondFactor(mailbox),
  })
  // Refusals take a second each, so that most wait for the look at everything.
  const primaryIsRefused = hasSecondFactor(mailbox)
  const logins = loginsOf(world, mailbox).filter(
    ({ isAccepted, isPrimary }) => isAccepted || (isPrimary && primaryIsRefused),
  )
  await compareLogins(server, mailbox, logins)
}

function compareAliases(shown: readonly unknown[], world: World, mailbox: ModelMailbox): void {
  const expected = aliasesOf(world, mailbox)
  same(
    shown.map((one) => membersOf(one, ['id', 'address', 'enabled', 'expires_at', 'created_at'])),
    expected.map(([address, { enabled, expiresAt, createdAt }]) => ({
      id: address,
      address,
      enabled,
      expires_at: expiresAt?.toISOString() ?? null,
      created_at: createdAt.toISOString(),
    })),
    `aliases of ${mailbox.address}`,
  )
  for (const [address, { description, renamedTo }] of expected) {
    const said = at(
      shown.find((one) => at(one, 'id') === address),
      'description',
    )
    if (renamedTo === null) assert.equal(said, description, `what ${address} is for`)
    else
      assert.ok(String(said).includes(renamedTo), `${address} says ${said}, and was renamed to ${renamedTo}`)
  }
}

type Login = {
  username: string
  password: string
  isAccepted: boolean
  /** By the primary password and the own address. */
  isPrimary: boolean
  what: string
}

/** Every way in that there is or was, and some that must not be. */
function loginsOf(world: World, mailbox: ModelMailbox): Login[] {
  const { address: username, password, appPasswords } = mailbox
  if (password === null || mailbox.state === 'deleted') return []
  const logins: Login[] = [
    {
      username,
      password,
      isAccepted: primaryLogsIn(world, mailbox),
      isPrimary: true,
      what: 'the primary password',
    },
    ...appPasswords.map((one) => ({
      username,
      password: one.password,
      isAccepted: appPasswordLogsIn(world, mailbox, one),
      isPrimary: false,
      what: `the app password ${one.name}`,
    })),
    {
      username,
      password: 'not this one at all',
      isAccepted: false,
      isPrimary: false,
      what: 'a wrong password',
    },
    ...aliasesOf(world, mailbox).map(([alias]) => ({
      username: alias,
      password,
      isAccepted: false,
      isPrimary: false,
      what: 'the primary password under an alias',
    })),
  ]
  // An address that it has let go is another's, or nobody's.
  return holdsAddress(world, mailbox) ? logins : logins.map((login) => ({ ...login, isAccepted: false }))
}

async function compareLogins(
  server: ModelServer,
  { id, state }: ModelMailbox,
  logins: readonly Login[],
): Promise<void> {
  await Promise.all(
    logins.map(async ({ username, password, isAccepted, what }) => {
      const answer = await server.logIn(username, password)
      const wanted = isAccepted ? /^OK / : /^NO \[AUTHENTICATIONFAILED\]/
      assert.match(answer, wanted, `${what} of ${id} (${state}) as ${username}: ${answer}`)
    }),
  )
}

/** Everything: each mailbox that ever was, every login that must be refused, each item of a batch, all free places. */
export async function compareAll(server: ModelServer, world: World): Promise<void> {
  for (const mailbox of world.mailboxes.values()) await compareMailbox(server, world, mailbox)
  await Promise.all(
    [...world.mailboxes.values()].map((mailbox) =>
      compareLogins(
        server,
        mailbox,
        loginsOf(world, mailbox).filter(({ isAccepted }) => !isAccepted),
      ),
    ),
  )
  for (const batch of world.batches.values()) await compareItems(server, world, batch)
  await comparePlaces(server, world)
  await compareCounts(server, world)
}

async function compareItems(server: ModelServer, world: World, batch: ModelBatch): Promise<void> {
  const items = await server.list(`/v1/batches/${batch.id}/items`)
  const statuses = itemStatuses(world, batch)
  assert.deepEqual(
    items.map((item) => ({
      ...membersOf(item, ['index', 'status', 'mailbox_id', 'mailbox_state']),
      code: at(item, 'problem', 'code') ?? null,
    })),
    batch.items.map(({ mailboxId, code }, index) => ({
      index,
      status: statuses[index],
      mailbox_id: mailboxId,
      mailbox_state: mailboxId === null ? null : mailboxOf(world, mailboxId).state,
      code,
    })),
    `the items of batch ${batch.id}`,
  )
}

const moreThanLimits = 12

/** As many mailboxes as there are places for, and not one more, could be made in each domain. */
async function comparePlaces(server: ModelServer, world: World): Promise<void> {
  for (const domain of world.domains.values()) {
    const mailboxes = Array.from({ length: moreThanLimits }, () => ({ domain: domain.name }))
    const body = { mailboxes, preview: true }
    const { json } = await server.call('POST', '/v1/mailboxes', { body })
    const free = domain.state === 'suspended' ? 0 : Math.min(moreThanLimits, places(world, domain))
    assert.equal(listAt(json, 'objects').length, free, `places in ${domain.name}: ${JSON.stringify(json)}`)
    const codes = new Set(listAt(json, 'problems').map((one) => textAt(one, 'problem', 'code')))
    const wanted = domain.state === 'suspended' ? 'domain_not_usable' : 'mailbox_limit_reached'
    assert.deepEqual(
      [...codes],
      free < moreThanLimits ? [wanted] : [],
      `what keeps others out of ${domain.name}`,
    )
  }
}

async function compareCounts(server: ModelServer, world: World): Promise<void> {
  for (const state of [
    'waiting_domain',
    'provisioning',
    'active',
    'suspended',
    'failed',
    'deletion_scheduled',
  ])
    for (const { name } of world.domains.values()) {
      const found = await server.list(`/v1/mailboxes?state=${state}&domain=${name}`)
      const expected = living(world).filter(
        (mailbox) => mailbox.state === state && domainOf(world, mailbox.address)?.name === name,
      )
      assert.equal(found.length, expected.length, `mailboxes that are ${state} in ${name}`)
    }
}
