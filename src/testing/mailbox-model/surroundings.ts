/** Random calls on what is around mailboxes: domains, limits, settings, requests, identities and the time. */
import assert from 'node:assert/strict'
import { at, listAt, textAt } from '../test-api.ts'
import { anyItem, judgeItems } from './items.ts'
import {
  domainOf,
  identityOf,
  isPending,
  living,
  type ModelDomain,
  type ModelRequest,
  mailboxOf,
  onlyDomain,
  places,
  type RequestState,
  type World,
} from './model.ts'
import {
  activateDomain,
  hold,
  letAddressesGo,
  make,
  move,
  passTime,
  purge,
  remove,
  restore,
} from './moves.ts'
import { anyMailbox, type Dice, domainNames, goodPassword, type Plan, type WeightedPlans } from './plan.ts'

function anyDomain(world: World, dice: Dice): ModelDomain {
  const domain = world.domains.get(dice.pick(domainNames))
  assert.ok(domain)
  return domain
}

/** Mostly back to what it is not; nothing is suspended for long. */
const switchDomain: Plan = (world, dice) => {
  const suspended = [...world.domains.values()].filter(({ state }) => state === 'suspended')
  const domain = dice.oneIn(5) ? anyDomain(world, dice) : (dice.pickAny(suspended) ?? anyDomain(world, dice))
  const isResume = dice.oneIn(6) !== (domain.state === 'suspended')
  return {
    method: 'POST',
    path: `/v1/domains/${domain.name}/${isResume ? 'resume' : 'suspend'}`,
    body: {},
    hasPreview: false,
    expected: domain.state === 'pending_records' ? 'domain_state_conflict' : '200',
    touched: mailboxesIn(world, domain),
    apply() {
      domain.state = isResume ? 'active' : 'suspended'
    },
  }
}

/** Its owner has set its records by now. */
const verifyDomain: Plan = (world) => {
  const domain = [...world.domains.values()].find(({ state }) => state === 'pending_records')
  if (!domain) return null
  return {
    method: 'POST',
    path: `/v1/domains/${domain.name}/verify`,
    hasPreview: false,
    expected: '200',
    touched: mailboxesIn(world, domain),
    apply: () => activateDomain(world, domain),
  }
}

function mailboxesIn(world: World, domain: ModelDomain): string[] {
  return living(world).flatMap(({ id, address }) => (domainOf(world, address) === domain ? [id] : []))
}

const setLimit: Plan = (world, dice) => {
  const domain = dice.oneIn(3) ? null : anyDomain(world, dice)
  const max = domain === null ? 3 + dice.below(8) : dice.below(5)
  return {
    method: 'PUT',
    path: '/v1/mailbox-limits',
    body: {
      ...(domain === null ? { per: 'workspace' } : { per: 'domain', domain_id: domain.id }),
      mailboxes_max: max,
    },
    hasPreview: false,
    expected: '200',
    touched: [],
    apply(json) {
      const limit = { id: textAt(json, 'id'), max }
      if (domain === null) world.workspaceLimit = limit
      else domain.limit = limit
    },
  }
}

const removeLimit: Plan = (world, dice) => {
  const holders = [...world.domains.values()].filter(({ limit }) => limit !== null)
  const domain = dice.oneIn(3) ? null : dice.pickAny(holders)
  const limit = domain === null ? world.workspaceLimit : domain.limit
  if (limit === null) return null
  return {
    method: 'DELETE',
    path: `/v1/mailbox-limits/${limit.id}`,
    hasPreview: false,
    expected: '204',
    touched: [],
    apply() {
      if (domain === null) world.workspaceLimit = null
      else domain.limit = null
    },
  }
}

const changeSettings: Plan = (world, dice) => {
  const restoreDays = dice.pick([1, 7, 30, 90])
  const renameAliasDays = dice.pick([90, 0, 10, null])
  return {
    method: 'PUT',
    path: `/v1/workspaces/${world.workspaceId}/mailbox-settings`,
    body: { restore_days: restoreDays, rename_alias_days: renameAliasDays },
    hasPreview: false,
    expected: '200',
    touched: [],
    apply() {
      world.settings = { restoreDays, renameAliasDays }
    },
  }
}

/** The jobs that are due by then run behind it. */
export const clockPath = '/v1/test/clock'

const moveClock: Plan = (world, dice) => {
  const advance = dice.pick([
    'PT1H',
    'P1D',
    'P1D',
    'P3D',
    'P7D',
    'P7D',
    'P10D',
    'P30D',
    'P1M',
    'P1M',
    'P3M',
    'P1Y',
  ])
  return {
    method: 'POST',
    path: clockPath,
    body: { advance },
    hasPreview: false,
    expected: '200',
    touched: [],
    apply: (json) => passTime(world, new Date(textAt(json, 'now'))),
  }
}

const askFor: Plan = (world, dice) => {
  const items = Array.from({ length: 1 + dice.below(3) }, () => anyItem(dice))
  const problems = judgeItems(world, items)
  const note = dice.oneIn(2) ? null : 'for the sales team'
  return {
    method: 'POST',
    path: '/v1/mailbox-requests',
    body: { mailboxes: items, note },
    hasPreview: true,
    expected: '200',
    touched: [],
    apply(json) {
      const batchId = textAt(json, 'batch_id')
      const made = listAt(json, 'data').map((one, index) => {
        const item = items[index]
        const problem = at(one, 'problem') === undefined ? null : textAt(one, 'problem', 'code')
        assert.equal(problem, problems[index], `the result of item ${index}`)
        if (!item || problem !== null) return { mailboxId: null, code: problem }
        const mailboxId = textAt(one, 'request', 'mailbox_id')
        const address = item.address ?? textAt(one, 'request', 'address')
        const { password = null, period = 'monthly' } = item
        make(world, { id: mailboxId, address, password, period, batchId, isRequested: true })
        const id = textAt(one, 'request', 'id')
        world.requests.set(id, { id, mailboxId, batchId, state: 'pending', note })
        return { mailboxId, code: null }
      })
      const domainId = onlyDomain(
        world,
        made.map((one) => one.mailboxId),
      )
      world.batches.set(batchId, {
        id: batchId,
        items: made,
        domainId,
        completedAt: null,
        createdAt: world.now,
      })
    },
  }
}

const movesOfRequest: Readonly<Record<RequestState, readonly RequestState[]>> = {
  pending: ['in_progress', 'completed', 'failed'],
  in_progress: ['pending', 'completed', 'failed'],
  completed: [],
  failed: ['pending', 'in_progress'],
}

const changeRequest: Plan = (world, dice) => {
  const requests = [...world.requests.values()]
  const open = requests.filter(({ mailboxId }) =>
    ['provisioning', 'failed'].includes(mailboxOf(world, mailboxId).state),
  )
  const request = dice.oneIn(6) ? dice.pickAny(requests) : dice.pickAny(open)
  if (request === null) return null
  const to = dice.pick<RequestState>(['in_progress', 'completed', 'failed', 'pending'])
  const password = to === 'completed' && dice.oneIn(2) ? goodPassword(dice) : null
  const note = dice.oneIn(3) ? 'done by hand' : undefined
  return {
    method: 'PATCH',
    path: `/v1/mailbox-requests/${request.id}`,
    body: {
      state: to,
      ...(password === null ? {} : { credentials: { password } }),
      ...(note === undefined ? {} : { note }),
    },
    hasPreview: true,
    expected: whyNotMoved(world, request, to, password !== null) ?? '200',
    touched: [request.mailboxId],
    apply() {
      if (note !== undefined) request.note = note
      if (to !== request.state) moveRequest(world, request, to, password)
    },
  }
}

function whyNotMoved(
  world: World,
  { state: from, mailboxId }: ModelRequest,
  to: RequestState,
  hasPassword: boolean,
): string | null {
  const mailbox = mailboxOf(world, mailboxId)
  if (mailbox.state === 'deleted') return 'mailbox_state_conflict'
  if (from === to) return hasPassword ? 'mailbox_request_state_conflict' : null
  if (!movesOfRequest[from].includes(to)) return 'mailbox_request_state_conflict'
  if (mailbox.state !== (from === 'failed' ? 'failed' : 'provisioning')) return 'mailbox_state_conflict'
  const domain = domainOf(world, mailbox.address)
  if (!domain) return 'domain_not_found'
  if (to === 'completed') return domain.state === 'active' ? null : 'domain_not_usable'
  if (from !== 'failed') return null
  if (domain.state === 'suspended') return 'domain_not_usable'
  if (places(world, domain) === 0) return 'mailbox_limit_reached'
  return world.addresses.has(mailbox.address) ? 'address_taken' : null
}

function moveRequest(world: World, request: ModelRequest, to: RequestState, password: string | null): void {
  const mailbox = mailboxOf(world, request.mailboxId)
  if (to === 'completed') {
    move(world, mailbox, 'active')
    mailbox.password = password ?? mailbox.password
  } else if (to === 'failed') {
    move(world, mailbox, 'failed')
    letAddressesGo(world, mailbox)
  } else if (request.state === 'failed') {
    hold(world, mailbox)
    move(world, mailbox, 'provisioning')
  }
  assert.equal(isPending(mailbox.state), to === 'pending' || to === 'in_progress')
  request.state = to
}

const handles = ['desk', 'quotes', 'helper', 'night-shift'] as const

const createIdentity: Plan = (world, dice) => {
  const handle = dice.pick(handles)
  const mailbox = dice.oneIn(2) ? anyMailbox(world, dice) : null
  const item = anyItem(dice)
  const place = mailbox === null ? placeOf(item) : { mailbox: mailbox.id }
  const problem =
    mailbox === null ? (judgeItems(world, [placeOf(item)])[0] ?? null) : whyNoIdentity(world, mailbox.id)
  return {
    method: 'POST',
    path: '/v1/identities',
    body: { handle, ...place },
    hasPreview: true,
    expected: problem ?? (world.identities.has(handle) ? 'handle_taken' : '201'),
    touched: mailbox === null ? [] : [mailbox.id],
    apply(json) {
      const mailboxId = textAt(json, 'mailbox_id')
      if (mailbox === null) {
        make(world, { id: mailboxId, address: textAt(json, 'address'), password: null, period: 'monthly' })
      }
      world.identities.set(handle, { id: textAt(json, 'id'), handle, mailboxId })
    },
  }
}

function placeOf({ address, domain }: { address?: string; domain?: string }) {
  if (address !== undefined) return { address }
  return domain === undefined ? {} : { domain }
}

function whyNoIdentity(world: World, mailboxId: string): string | null {
  const mailbox = mailboxOf(world, mailboxId)
  if (mailbox.state === 'deleted') return 'mailbox_not_found'
  if (mailbox.state === 'deletion_scheduled') return 'mailbox_state_conflict'
  return identityOf(world, mailbox) ? 'identity_exists' : null
}

/** Deleted, purged or restored by its handle, and its mailbox with it. */
const endIdentity: Plan = (world, dice) => {
  const handle = dice.pickAny([...world.identities.keys()]) ?? dice.pick(handles)
  const found = world.identities.get(handle)
  const mailbox = found ? mailboxOf(world, found.mailboxId) : null
  const isDeleted = mailbox?.state === 'deletion_scheduled'
  const action = dice.pick(['delete', 'purge', 'restore'])
  const may = action === 'purge' || isDeleted === (action === 'restore')
  return {
    method: action === 'restore' ? 'POST' : 'DELETE',
    path: `/v1/identities/${handle}${{ delete: '', purge: '?purge=true', restore: '/restore' }[action]}`,
    ...(action === 'restore' ? { body: {} } : {}),
    hasPreview: true,
    expected: !found
      ? 'identity_not_found'
      : !may
        ? 'mailbox_state_conflict'
        : action === 'purge'
          ? '204'
          : '200',
    touched: mailbox === null ? [] : [mailbox.id],
    apply() {
      if (mailbox === null) return
      if (action === 'delete') remove(world, mailbox)
      else if (action === 'purge') purge(world, mailbox)
      else restore(world, mailbox)
    },
  }
}

export const surroundingPlans: WeightedPlans = [
  [9, switchDomain],
  [2, verifyDomain],
  [7, setLimit],
  [2, removeLimit],
  [3, changeSettings],
  [12, moveClock],
  [6, askFor],
  [14, changeRequest],
  [5, createIdentity],
  [4, endIdentity],
]
