/** The settings of a domain, as they are shown and changed. */
import { type Static, Type } from 'typebox'
import type { Domain } from '../domains/domains.ts'
import { wantedNameservers } from '../domains/nameservers.ts'
import { products } from '../domains/products.ts'
import type { Platform } from '../platform/platform.ts'
import { closed, Nullable, OneOf, OneOfOrNull } from './schemas.ts'

const dnsModes = ['served', 'driven', 'manual'] as const
const urlLengthMax = 2000
const addressLengthMax = 254

export const dnsModeHelp =
  'Who answers for its DNS: `served`: this platform; `driven`: a DNS host that the platform writes to; `manual`: its owner pastes the records.'

const Redirect = Type.Object({
  url: Type.String({ maxLength: urlLengthMax, description: 'An https URL, not of the domain itself.' }),
  status: Type.Unsafe<301 | 302>({ type: 'integer', enum: [301, 302] }),
  keep_path: Type.Boolean({ description: 'Whether the path and query of the request are put behind it.' }),
})

const fields = {
  dmarc_policy: OneOf(
    ['none', 'quarantine', 'reject'] as const,
    'What its DMARC record asks receivers to do (RFC 9989).',
  ),
  dmarc_report_address: Nullable(
    Type.String({ maxLength: addressLengthMax }),
    'Who gets DMARC reports beside the platform. An address of another domain gets them only if that domain has a TXT record `v=DMARC1;` at `DOMAIN._report._dmarc.OTHER` (RFC 7489 §7.1).',
  ),
  mta_sts_mode: OneOf(
    ['none', 'testing', 'enforce'] as const,
    'Of its MTA-STS policy (RFC 8461). none: it has none; after another mode a policy of mode none stays published for 14 days.',
  ),
  bimi_logo_url: Nullable(
    Type.String({ maxLength: urlLengthMax }),
    'An SVG at an https URL, for BIMI. Receivers want DMARC to be enforced.',
  ),
  product: OneOfOrNull(
    products,
    'The only product that mailboxes in it may be asked for as by a dialect; null: any. Those that there are stay.',
  ),
}

export const settingsView = {
  dns_mode: OneOf(dnsModes, dnsModeHelp),
  pending_dns_mode: OneOfOrNull(
    dnsModes,
    'What `dns_mode` becomes once the delegation has followed; until then both sides answer.',
  ),
  nameservers: Type.Array(Type.String(), {
    description: 'What to set at the registrar; empty when the platform does not serve its DNS.',
  }),
  ...fields,
  redirect: Nullable(Redirect, 'Where browsers that come to the domain or its www are sent.'),
}

export const SettingsBody = Type.Object(
  {
    dns_mode: Type.Optional(
      OneOf(dnsModes, `${dnsModeHelp} \`driven\` needs a DNS host to be set first. Mail goes on meanwhile.`),
    ),
    dmarc_policy: Type.Optional(fields.dmarc_policy),
    dmarc_report_address: Type.Optional(fields.dmarc_report_address),
    mta_sts_mode: Type.Optional(fields.mta_sts_mode),
    bimi_logo_url: Type.Optional(fields.bimi_logo_url),
    product: Type.Optional(fields.product),
    redirect: Type.Optional(
      Nullable(
        Type.Object(
          {
            url: Redirect.properties.url,
            status: Type.Optional(Redirect.properties.status),
            keep_path: Type.Optional(Redirect.properties.keep_path),
          },
          closed,
        ),
        'Null: nowhere. The status is 301 and the path is kept if nothing else is said.',
      ),
    ),
    preview: Type.Optional(Type.Boolean({ description: 'Only say what would change in DNS.' })),
  },
  closed,
)

const SettingsShape = Type.Object(settingsView)

export function settingsOf(platform: Pick<Platform, 'config'>, domain: Domain): Static<typeof SettingsShape> {
  return {
    dns_mode: domain.dns_mode,
    pending_dns_mode: domain.pending_dns_mode,
    nameservers: wantedNameservers(platform, domain),
    dmarc_policy: domain.dmarc_policy,
    dmarc_report_address: domain.dmarc_report_address,
    mta_sts_mode: domain.mta_sts_mode,
    bimi_logo_url: domain.bimi_logo_url,
    product: domain.product,
    redirect:
      domain.redirect_url === null
        ? null
        : {
            url: domain.redirect_url,
            status: domain.redirect_status,
            keep_path: domain.redirect_keeps_path,
          },
  }
}
