/** Random calls on the life of mailboxes: made, renamed, given aliases, suspended, canceled, deleted and restored. */
import assert from 'node:assert/strict'
import { at, listAt, textAt } from '../test-api.ts'
import { anyItem, judgeItems, madeFrom } from './items.ts'
import {
  aliasesOf,
  domainOf,
  type ModelMailbox,
  onlyDomain,
  type Period,
  placesInDomain,
  type World,
} from './model.ts'
import { make, move, purge, remove, rename, restore, touch } from './moves.ts'
import {
  anyAddress,
  callOn,
  noDomain,
  onMailbox,
  type Plan,
  type WeightedPlans,
  whyNoAddress,
} from './plan.ts'

const createOne: Plan = (world, dice) => {
  const item = anyItem(dice, ['google'])
  const [problem = null] = judgeItems(world, [item])
  return {
    method: 'POST',
    path: '/v1/mailboxes',
    body: item,
    hasPreview: true,
    expected: problem ?? '201',
    touched: [],
    apply: (json) => void make(world, madeFrom(item, json)),
  }
}

export const createBatch: Plan = (world, dice) => {
  const items = Array.from({ length: 2 + dice.below(5) }, () => anyItem(dice, ['google']))
  const problems = judgeItems(world, items)
  return {
    method: 'POST',
    path: '/v1/mailboxes',
    body: { mailboxes: items },
    hasPreview: true,
    expected: '200',
    touched: [],
    apply(json) {
      const results = listAt(json, 'data')
      assert.deepEqual(
        results.map((one) => (at(one, 'problem') === undefined ? null : textAt(one, 'problem', 'code'))),
        problems,
        'the results of the items',
      )
      const id = textAt(json, 'batch_id')
      const made = results.map((one, index) => {
        const item = items[index]
        if (!item || problems[index] !== null) return null
        const mailbox = make(world, { ...madeFrom(item, at(one, 'mailbox')), batchId: id })
        assert.equal(at(one, 'status'), mailbox.state === 'active' ? 'created' : 'pending')
        return mailbox.id
      })
      world.batches.set(id, {
        id,
        domainId: onlyDomain(world, made),
        items: made.map((mailboxId, index) => ({ mailboxId, code: problems[index] ?? null })),
        completedAt: null,
        createdAt: world.now,
      })
    },
  }
}

const isDeleted = ({ state }: ModelMailbox): boolean => state === 'deletion_scheduled'
const isInUse = (mailbox: ModelMailbox): boolean => !isDeleted(mailbox) && mailbox.state !== 'failed'
const hasAliases = (mailbox: ModelMailbox, world: World): boolean => aliasesOf(world, mailbox).length > 0

const renameOne = onMailbox((world, dice, mailbox) => {
  const aliases = aliasesOf(world, mailbox).map(([address]) => address)
  const own = dice.oneIn(3) ? dice.pickAny(aliases) : null
  const to = own ?? (dice.oneIn(15) ? `ann@${noDomain}` : anyAddress(dice))
  const days = dice.pick<number | null | undefined>([undefined, 0, 1, 7, 45, null])
  return callOn(world, dice, mailbox, {
    method: 'POST',
    at: '/rename',
    body: { address: to, ...(days === undefined ? {} : { alias_days: days }) },
    expected: to === mailbox.address ? '200' : (whyNotRenamed(world, mailbox, to) ?? '200'),
    apply() {
      if (to === mailbox.address) return
      rename(world, mailbox, to, days === undefined ? world.settings.renameAliasDays : days)
    },
  })
}, isInUse)

function whyNotRenamed(world: World, mailbox: ModelMailbox, to: string): string | null {
  if (mailbox.state === 'deletion_scheduled' || mailbox.state === 'failed') return 'mailbox_state_conflict'
  const domain = domainOf(world, to)
  const problem = whyNoAddress(domain)
  if (problem !== null || !domain) return problem
  if (domain !== domainOf(world, mailbox.address)) {
    if (mailbox.state !== 'waiting_domain' && domain.state !== 'active') return 'domain_not_usable'
    if (placesInDomain(world, domain) === 0) return 'mailbox_limit_reached'
  }
  const held = world.addresses.get(to)
  return held && (held.mailboxId !== mailbox.id || held.kind !== 'alias') ? 'address_taken' : null
}

const addAlias = onMailbox((world, dice, mailbox) => {
  const address = dice.oneIn(20) ? `ann@${noDomain}` : anyAddress(dice)
  const description = dice.oneIn(2) ? null : 'for the shop'
  const taken = world.addresses.has(address) ? 'address_taken' : null
  return callOn(world, dice, mailbox, {
    method: 'POST',
    at: '/aliases',
    body: { address, description },
    expected: whyNoAddress(domainOf(world, address)) ?? taken ?? '201',
    apply() {
      const renamedTo = null
      const more = { enabled: true, description, renamedTo, expiresAt: null, createdAt: world.now }
      world.addresses.set(address, { mailboxId: mailbox.id, kind: 'alias', ...more })
    },
  })
})

const changeAlias = onMailbox((world, dice, mailbox) => {
  const found = dice.pickAny(aliasesOf(world, mailbox))
  const address = found?.[0] ?? mailbox.address
  const description = dice.oneIn(3) ? 'changed' : undefined
  const enabled = dice.oneIn(2)
  return callOn(world, dice, mailbox, {
    method: 'PATCH',
    at: `/aliases/${address}`,
    body: { enabled, ...(description === undefined ? {} : { description }) },
    expected: found ? '200' : 'address_not_found',
    apply() {
      const alias = found?.[1]
      if (!alias) return
      alias.enabled = enabled
      if (description !== undefined) Object.assign(alias, { description, renamedTo: null })
    },
  })
}, hasAliases)

const removeAlias = onMailbox((world, dice, mailbox) => {
  const address = dice.pickAny(aliasesOf(world, mailbox))?.[0]
  return callOn(world, dice, mailbox, {
    method: 'DELETE',
    at: `/aliases/${address ?? mailbox.address}`,
    expected: address === undefined ? 'address_not_found' : '204',
    apply: () => void (address !== undefined && world.addresses.delete(address)),
  })
}, hasAliases)

/** Suspend and resume: done already is no conflict. */
function switching(
  at: '/suspend' | '/resume',
  from: 'active' | 'suspended',
  to: 'active' | 'suspended',
): Plan {
  return onMailbox(
    (world, dice, mailbox) =>
      callOn(world, dice, mailbox, {
        method: 'POST',
        at,
        body: {},
        expected: mailbox.state === from || mailbox.state === to ? '200' : 'mailbox_state_conflict',
        apply: () => void (mailbox.state === from && move(world, mailbox, to)),
      }),
    ({ state }) => state === from,
  )
}

const removeOne = onMailbox((world, dice, mailbox) => {
  const expected = mailbox.state === 'deletion_scheduled' ? 'mailbox_state_conflict' : '200'
  const apply = (): void => remove(world, mailbox)
  return dice.oneIn(3)
    ? callOn(world, dice, mailbox, { method: 'POST', at: '/cancel', body: { at: 'now' }, expected, apply })
    : callOn(world, dice, mailbox, { method: 'DELETE', expected, apply })
}, isInUse)

const purgeOne = onMailbox((world, dice, mailbox) =>
  callOn(world, dice, mailbox, {
    method: 'DELETE',
    at: '?purge=true',
    expected: '204',
    apply: () => purge(world, mailbox),
  }),
)

const restoreOne = onMailbox(
  (world, dice, mailbox) =>
    callOn(world, dice, mailbox, {
      method: 'POST',
      at: '/restore',
      body: {},
      expected: isDeleted(mailbox) ? '200' : 'mailbox_state_conflict',
      apply: () => restore(world, mailbox),
    }),
  isDeleted,
)

/** Cancel at the period's end, and keep. */
function cancelling(at: '/cancel' | '/keep'): Plan {
  return onMailbox(
    (world, dice, mailbox) => {
      const isOpen = mailbox.state !== 'deletion_scheduled' && mailbox.periodEndsAt !== null
      return callOn(world, dice, mailbox, {
        method: 'POST',
        at,
        body: {},
        expected: isOpen ? '200' : 'mailbox_state_conflict',
        apply() {
          if (mailbox.isCanceled !== (at === '/cancel')) touch(world, mailbox)
          mailbox.isCanceled = at === '/cancel'
        },
      })
    },
    ({ isCanceled }) => isCanceled !== (at === '/cancel'),
  )
}

const changePeriod = onMailbox((world, dice, mailbox) => {
  const period = dice.pick<Period>(['monthly', 'yearly'])
  return callOn(world, dice, mailbox, {
    method: 'PATCH',
    body: { period },
    expected: mailbox.state === 'deletion_scheduled' ? 'mailbox_state_conflict' : '200',
    apply() {
      touch(world, mailbox)
      if (mailbox.periodEndsAt === null) mailbox.period = period
      else mailbox.nextPeriod = period === mailbox.period ? null : period
    },
  })
})

const changeName = onMailbox((world, dice, mailbox) => {
  const displayName = dice.pick(['Ann Lee', 'Bob Ruiz', null])
  return callOn(world, dice, mailbox, {
    method: 'PATCH',
    body: { display_name: displayName },
    expected: '200',
    apply() {
      touch(world, mailbox)
      mailbox.displayName = displayName
    },
  })
})

export const lifePlans: WeightedPlans = [
  [12, createOne],
  [8, createBatch],
  [14, renameOne],
  [6, addAlias],
  [5, changeAlias],
  [3, removeAlias],
  [5, switching('/suspend', 'active', 'suspended')],
  [5, switching('/resume', 'suspended', 'active')],
  [8, removeOne],
  [4, purgeOne],
  [10, restoreOne],
  [6, cancelling('/cancel')],
  [3, cancelling('/keep')],
  [4, changePeriod],
  [2, changeName],
]
