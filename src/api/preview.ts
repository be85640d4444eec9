/** Previews (DESIGN section 1, rule 6): what a call would cost, change in DNS and touch, with nothing done. */
import { type Static, type TSchema, Type } from 'typebox'
import { type Tally, tallyOf, tryOut } from '../billing/trials.ts'
import type { Tx } from '../platform/database.ts'
import { formatMoney, type Money } from '../platform/money.ts'
import type { Platform } from '../platform/platform.ts'
import { ProblemRef } from './problem-view.ts'
import { Nullable, OneOf } from './schemas.ts'

const PreviewObject = Type.Object({
  type: OneOf([
    'domain',
    'mailbox',
    'alias',
    'forward',
    'identity',
    'member',
    'invitation',
    'folder',
    'message',
    'subscription',
    'wallet',
    'coupon',
    'invoice',
  ]),
  action: OneOf([
    'create',
    'update',
    'rename',
    'suspend',
    'resume',
    'renew',
    'delete',
    'restore',
    'purge',
    'move',
    'redeem',
    'export',
    'remove',
  ]),
  id: Nullable(
    Type.String({ format: 'uuid' }),
    'Null for what does not exist yet, and for an alias or a forward.',
  ),
  name: Type.String({
    description:
      'The name of a domain, the handle of an identity, a person’s e-mail, the path of a folder, the subject of a ' +
      'message, the plan of a subscription, the code of a coupon, the workspace’s id of a wallet, the address of anything else.',
  }),
  state: Type.String({
    description: 'The state that it would be in; of an alias or a forward: enabled, disabled or deleted.',
  }),
  at: Type.Optional(
    Type.String({ format: 'date-time', description: 'When, where it would not be at once.' }),
  ),
})

export const PreviewView = Type.Object(
  {
    preview: Type.Literal(true),
    charge: Type.Object({
      amount: Type.Integer({
        description: 'In minor units, with tax. Negative: more that was put aside is given back.',
      }),
      currency: Type.String({ description: 'ISO 4217.' }),
    }),
    dns_changes: Type.Array(
      Type.Object({ action: Type.String(), name: Type.String(), type: Type.String(), value: Type.String() }),
    ),
    objects: Type.Array(PreviewObject, { description: 'What would be made or touched.' }),
    notes: Type.Optional(Type.Array(Type.String(), { description: 'What else would be different.' })),
    problems: Type.Optional(
      Type.Array(
        Type.Object({
          index: Type.Integer(),
          line: Type.Optional(Type.Integer({ description: 'Of a file that is imported.' })),
          column: Type.Optional(Type.String()),
          problem: ProblemRef,
        }),
        { description: 'The items of a batch that would fail.' },
      ),
    ),
  },
  { $id: 'Preview', title: 'Preview' },
)

export type PreviewBody = Static<typeof PreviewView>

/**
 * The reply schema of a route that also previews: it serialises by the schema of the real reply alone, because
 * telling the two apart would cost time for each of ten thousand items; a preview brings its own serialiser.
 */
export function OrPreview<T extends TSchema>(schema: T) {
  return Type.Unsafe<Static<T> | PreviewBody>(schema)
}

export type TouchedObject = Static<typeof PreviewObject>

export type DnsChange = PreviewBody['dns_changes'][number]

export type Preview = {
  dnsChanges?: DnsChange[]
  objects: TouchedObject[]
  notes?: string[]
  problems?: NonNullable<PreviewBody['problems']>
  /** What it would cost; nothing when it is left out. */
  charge?: Money
}

/** The parts of a reply that a preview sets. */
export type PreviewReply = {
  type(mediaType: string): unknown
  serializer(serialize: (body: unknown) => string): unknown
}

/** Tries `work` out and tells what it would do. No row, event, job or idempotency key stays. */
export async function preview(
  platform: Platform,
  reply: PreviewReply,
  work: (tx: Tx) => Promise<Preview>,
): Promise<PreviewBody> {
  const tried = await tryOut(platform, async (tx) => {
    const result = await work(tx)
    return { result, tally: tallyOf(tx) }
  })
  const { objects, notes = [], problems, dnsChanges = [] } = tried.result
  const charges = chargesOf(tried.tally)
  const shortfalls =
    (tried.tally?.shortfalls ?? []).length > 0 ? [shortfallNote(tried.tally?.shortfalls ?? [])] : []
  reply.type('application/json; charset=utf-8')
  reply.serializer(JSON.stringify)
  return {
    preview: true,
    charge: charges ?? tried.result.charge ?? { amount: 0, currency: 'USD' },
    dns_changes: dnsChanges,
    objects,
    ...(notes.length + shortfalls.length === 0 ? {} : { notes: [...notes, ...shortfalls] }),
    ...(problems === undefined ? {} : { problems }),
  }
}

/** What was charged and put aside; a wallet has one currency. Null: nothing was. */
function chargesOf(tally: Tally | null): Money | null {
  for (const [currency, amount] of tally?.amounts ?? []) return { amount, currency }
  return null
}

function shortfallNote(shortfalls: readonly Money[]): string {
  const [{ currency } = { currency: 'USD' }] = shortfalls
  const amount = shortfalls.reduce((sum, one) => sum + one.amount, 0)
  return `The wallet lacks ${formatMoney({ amount, currency })} ${currency} for it.`
}
