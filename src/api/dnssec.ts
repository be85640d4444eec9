/** /v1/domains/{domain}/dnssec: whether a served zone is signed, and what the registrar must be told. */
import { type Static, Type } from 'typebox'
import { type Domain, getDomain } from '../domains/domains.ts'
import { delegationSigner } from '../domains/zones/dnssec/key-records.ts'
import { disableDnssec, dnssecKeyOf, enableDnssec } from '../domains/zones/dnssec/keys.ts'
import { type ParentStatus, parentStatus, requireNoDs } from '../domains/zones/dnssec/parent.ts'
import type { Db } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { DomainPath } from './domains.ts'
import { mutate } from './mutate.ts'
import { readProblems, writeProblems } from './problem-view.ts'
import { type Api, closed, OneOf } from './schemas.ts'

const DelegationView = Type.Object({
  key_tag: Type.Integer(),
  algorithm: Type.Integer({ description: '13: ECDSA P-256 with SHA-256.' }),
  digest_type: Type.Integer({ description: '2: SHA-256.' }),
  digest: Type.String({ description: 'Hexadecimal.' }),
  record: Type.String({ description: 'The same as a zone file has it.' }),
  public_key: Type.String({ description: 'Of the DNSKEY, in base64: some registrars ask for it instead.' }),
})

const statuses = ['valid', 'wrong', 'missing', 'unanswered'] as const satisfies readonly ParentStatus[]

const DnssecView = Type.Object(
  {
    enabled: Type.Boolean(),
    state: OneOf(['off', 'pending', 'active'] as const, 'pending: the key is being made.'),
    ds: Type.Unsafe<Static<typeof DelegationView> | null>({
      ...DelegationView,
      type: ['object', 'null'],
      description:
        'What the registrar must be given, so that the zone is validated. Null until the key is made.',
    }),
    parent: Type.Unsafe<ParentStatus | null>({
      type: ['string', 'null'],
      enum: [...statuses, null],
      description:
        'What the parent zone has now. wrong: DS records, but none of this key: validating resolvers refuse the zone. Null when it was not looked up.',
    }),
  },
  { title: 'Dnssec' },
)

const DnssecBody = Type.Object({ enabled: Type.Boolean() }, closed)
const tags = ['domains']

export function dnssecRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/domains/:domain/dnssec',
    {
      schema: {
        summary: 'Show whether a domain’s zone is signed, and its DS record',
        description: 'The parent zone is looked up now.',
        tags,
        params: DomainPath,
        response: { 200: DnssecView, ...readProblems('domain_not_found') },
      },
    },
    async (request) => {
      const domain = await getDomain(platform, scopeOf(request), request.params.domain)
      const view = await viewOf(platform.db, domain)
      const key = await dnssecKeyOf(platform.db, domain.id)
      const point = key?.public_key ?? null
      return point === null ? view : { ...view, parent: await parentStatus(platform, domain.name, point) }
    },
  )
  app.put(
    '/v1/domains/:domain/dnssec',
    {
      schema: {
        summary: 'Turn DNSSEC on or off',
        description:
          'For domains whose zone this platform serves. Turning it on has a key made; once it is there, hand its DS record to the registrar. Turning it off is refused while the parent zone still has a DS record.',
        tags,
        params: DomainPath,
        body: DnssecBody,
        response: {
          200: DnssecView,
          ...writeProblems(
            'domain_not_found',
            'dnssec_not_served',
            'dnssec_parent_has_ds',
            'dnssec_parent_unanswered',
          ),
        },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { enabled } = request.body
      const { id, name } = await getDomain(platform, scope, request.params.domain)
      const wasOn = (await dnssecKeyOf(platform.db, id)) !== null
      if (!enabled && wasOn) await requireNoDs(platform, name)
      return mutate(platform, request, reply, async (tx) => {
        const change = enabled ? enableDnssec : disableDnssec
        const domain = await change(platform, tx, scope, id)
        return { status: 200, body: await viewOf(tx, domain) }
      })
    },
  )
}

async function viewOf(db: Db, { id, name }: Domain): Promise<Static<typeof DnssecView>> {
  const key = await dnssecKeyOf(db, id)
  if (key === null) return { enabled: false, state: 'off', ds: null, parent: null }
  if (key.public_key === null) return { enabled: true, state: 'pending', ds: null, parent: null }
  const { keyTag, algorithm, digestType, digest } = delegationSigner(name, key.public_key)
  const ds = {
    key_tag: keyTag,
    algorithm,
    digest_type: digestType,
    digest,
    record: `${name}. IN DS ${keyTag} ${algorithm} ${digestType} ${digest}`,
    public_key: key.public_key.toString('base64'),
  }
  return { enabled: true, state: key.state, ds, parent: null }
}
