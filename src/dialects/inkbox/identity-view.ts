/** How an identity looks to clients of every age: with its mailbox and a tunnel, and nothing of what there is not. */
import { createHash } from 'node:crypto'
import { type Static, Type } from 'typebox'
import { handleDomain } from '../../domains/handle-domain.ts'
import type { Identity } from '../../mailboxes/identities.ts'
import { isServed } from '../../mailboxes/lifecycle.ts'
import { mailboxesById } from '../../mailboxes/mailbox-sets.ts'
import { type Db, onOneConnection } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { FilterMode } from './filter-modes.ts'
import { prefixedId } from './ids.ts'
import { ActivityStatus, type MailboxBody, MailboxView, mailboxBody, mailboxFacts } from './mailbox-view.ts'
import { Moment, momentOrNull, orNull, Uuid } from './schemas.ts'
import { signingKeyMomentsOf } from './signing-key-state.ts'

const TunnelView = Type.Object(
  {
    id: Uuid,
    tunnel_name: Type.String(),
    agent_identity_id: Uuid,
    tls_mode: Type.Literal('edge'),
    status: Type.Literal('active'),
    public_host: Type.String({ minLength: 1 }),
    zone: Type.String({ minLength: 1 }),
    created_at: Moment,
    updated_at: Moment,
  },
  {
    title: 'TunnelSummary',
    description: 'There are no tunnels here; clients do not read an identity without this block.',
  },
)

export const IdentityView = Type.Object(
  {
    id: Uuid,
    organization_id: Type.String(),
    agent_handle: Type.String(),
    display_name: orNull(Type.String()),
    description: orNull(Type.String()),
    email_address: orNull(Type.String()),
    status: ActivityStatus,
    imessage_enabled: Type.Boolean(),
    contact_sharing_enabled: Type.Boolean(),
    mail_filter_mode: FilterMode,
    mail_inbound_filter_mode: FilterMode,
    mail_outbound_filter_mode: FilterMode,
    phone_filter_mode: FilterMode,
    phone_inbound_filter_mode: FilterMode,
    phone_outbound_filter_mode: FilterMode,
    imessage_filter_mode: FilterMode,
    signing_key_configured: Type.Boolean(),
    signing_key_created_at: orNull(Moment),
    mailbox: orNull(MailboxView),
    phone_number: Type.Null(),
    imessage_number: Type.Null(),
    tunnel: TunnelView,
    created_at: Moment,
    updated_at: Moment,
  },
  { title: 'Identity' },
)

export type IdentityBody = Static<typeof IdentityView>

/** What clients read of channels that are not here: the defaults of their own. */
const otherChannels = {
  imessage_enabled: false,
  contact_sharing_enabled: true,
  phone_filter_mode: 'blacklist',
  phone_inbound_filter_mode: 'blacklist',
  phone_outbound_filter_mode: 'blacklist',
  imessage_filter_mode: 'blacklist',
  phone_number: null,
  imessage_number: null,
} as const

/** The views of identities of one workspace, in their order, read in sets. @param db the transaction, inside one. */
export async function identityViews(
  platform: Platform,
  db: Db,
  identities: readonly Identity[],
): Promise<IdentityBody[]> {
  const [first] = identities
  if (!first) return []
  const [byId, keys, domain] = await onOneConnection(db, (one) =>
    Promise.all([
      mailboxesOf(platform, one, identities),
      signingKeyMomentsOf(
        one,
        identities.map(({ id }) => id),
      ),
      handleDomain(one, first.workspace_id),
    ]),
  )
  const zone = domain?.name ?? platform.config.hostname
  return identities.map((identity) =>
    viewOf(identity, {
      mailbox: byId.get(identity.mailbox_id ?? '') ?? null,
      signingKeyAt: keys.get(identity.id) ?? null,
      zone,
    }),
  )
}

/** By mailbox id. @param db of one connection. */
async function mailboxesOf(
  platform: Platform,
  db: Db,
  identities: readonly Identity[],
): Promise<ReadonlyMap<string, MailboxBody>> {
  const having = identities.flatMap(({ id, mailbox_id, workspace_id }) =>
    mailbox_id === null ? [] : [{ id: mailbox_id, workspace_id, identityId: id }],
  )
  const known = new Map(having.map(({ id, identityId }) => [id, identityId]))
  const [mailboxes, facts] = await Promise.all([
    mailboxesById(
      db,
      having.map(({ id }) => id),
    ),
    mailboxFacts(platform, db, having, known),
  ])
  return new Map(mailboxes.map((mailbox) => [mailbox.id, mailboxBody(mailbox, facts)]))
}

export async function identityView(platform: Platform, db: Db, identity: Identity): Promise<IdentityBody> {
  const [view] = await identityViews(platform, db, [identity])
  if (!view) throw new Error('an identity has no view')
  return view
}

type Surroundings = { mailbox: MailboxBody | null; signingKeyAt: Date | null; zone: string }

function viewOf(identity: Identity, { mailbox, signingKeyAt, zone }: Surroundings): IdentityBody {
  const { id, handle } = identity
  const inbound = mailbox?.inbound_filter_mode ?? 'blacklist'
  const moments = {
    created_at: identity.created_at.toISOString(),
    updated_at: identity.updated_at.toISOString(),
  }
  return {
    id,
    organization_id: prefixedId('organization', identity.workspace_id),
    agent_handle: handle,
    display_name: identity.display_name,
    description: identity.description,
    email_address: identity.address,
    status: isServed(identity.state) ? 'active' : 'paused',
    ...otherChannels,
    mail_filter_mode: mailbox?.filter_mode ?? inbound,
    mail_inbound_filter_mode: inbound,
    mail_outbound_filter_mode: mailbox?.outbound_filter_mode ?? 'blacklist',
    signing_key_configured: signingKeyAt !== null,
    signing_key_created_at: momentOrNull(signingKeyAt),
    mailbox,
    tunnel: {
      id: tunnelId(id),
      tunnel_name: handle,
      agent_identity_id: id,
      tls_mode: 'edge',
      status: 'active',
      public_host: `${handle}.${zone}`,
      zone,
      ...moments,
    },
    ...moments,
  }
}

/** The same for an identity every time, and no other object's: RFC 9562 §5.8, out of the identity's id. */
function tunnelId(identityId: string): string {
  const hex = createHash('sha256').update(`tunnel ${identityId}`).digest('hex')
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16)
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-')
}
