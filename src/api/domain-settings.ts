/** PATCH /v1/domains/{domain}: its settings, with a preview of what changes in DNS. */
import type { Static } from 'typebox'
import type { Scope } from '../accounts/principals.ts'
import { getDomain } from '../domains/domains.ts'
import { changeSettings, type RecordChange } from '../domains/settings.ts'
import type { SettingsChanges } from '../domains/settings-input.ts'
import { requireUnsignedToLeave } from '../domains/zones/dnssec/leaving.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { EditHeaders } from './documented.ts'
import { SettingsBody } from './domain-settings-view.ts'
import { DomainPath, DomainView, domainView, touched } from './domains.ts'
import { etagOf, versionsOfIfMatch } from './etag.ts'
import { mutate } from './mutate.ts'
import { type DnsChange, OrPreview, PreviewView, preview } from './preview.ts'
import { writeProblems } from './problem-view.ts'
import { AnyOf, type Api } from './schemas.ts'

export function domainSettingsRoutes(app: Api, platform: Platform): void {
  app.patch(
    '/v1/domains/:domain',
    {
      schema: {
        summary: 'Change the settings of a domain',
        description:
          'What is left out stays. With `preview` the reply is a Preview, whose `dns_changes` are what its records would be; nothing is done.',
        tags: ['domains'],
        params: DomainPath,
        body: SettingsBody,
        response: {
          200: OrPreview(DomainView),
          ...writeProblems(
            'domain_not_found',
            'domain_settings_invalid',
            'domain_state_conflict',
            'nameservers_unavailable',
            'dnssec_parent_has_ds',
            'dnssec_parent_unanswered',
            'edit_conflict',
          ),
        },
      },
      config: { documented: { headers: EditHeaders, replies: { 200: AnyOf(DomainView, PreviewView) } } },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { domain: ref } = request.params
      const changes = toChanges(request.body)
      if (changes.dnsMode !== undefined) await requireUnsignedToLeave(platform, scope, ref, changes.dnsMode)
      const version = await versionToEdit(platform, scope, ref, request.headers['if-match'])
      if (request.body.preview === true) {
        return preview(platform, reply, async (tx) => {
          const { domain, records } = await changeSettings(platform, tx, scope, ref, changes, version)
          return {
            objects: [touched(domain, { action: 'update', id: domain.id, state: domain.state })],
            dnsChanges: records.map(changeView),
          }
        })
      }
      return mutate(platform, request, reply, async (tx) => {
        const { domain } = await changeSettings(platform, tx, scope, ref, changes, version)
        const etag = etagOf({ version: domain.settings_version })
        return { status: 200, body: domainView(platform, domain), headers: { etag } }
      })
    },
  )
}

// No domain has it, so that the edit is refused.
const noVersion = 0

/** The one version that may be edited, or null for whichever is there. */
async function versionToEdit(
  platform: Platform,
  scope: Scope,
  ref: string,
  ifMatch: string | undefined,
): Promise<number | null> {
  const versions = versionsOfIfMatch(ifMatch)
  if (versions === null) return null
  const { settings_version: version } = await getDomain(platform, scope, ref)
  return versions.includes(version) ? version : noVersion
}

function toChanges(body: Static<typeof SettingsBody>): SettingsChanges {
  const { redirect } = body
  return {
    ...(body.dns_mode === undefined ? {} : { dnsMode: body.dns_mode }),
    ...(body.dmarc_policy === undefined ? {} : { dmarcPolicy: body.dmarc_policy }),
    ...(body.dmarc_report_address === undefined ? {} : { dmarcReportAddress: body.dmarc_report_address }),
    ...(body.mta_sts_mode === undefined ? {} : { mtaStsMode: body.mta_sts_mode }),
    ...(body.bimi_logo_url === undefined ? {} : { bimiLogoUrl: body.bimi_logo_url }),
    ...(body.product === undefined ? {} : { product: body.product }),
    ...(redirect === undefined
      ? {}
      : {
          redirect:
            redirect === null
              ? null
              : {
                  url: redirect.url,
                  status: redirect.status ?? 301,
                  keepsPath: redirect.keep_path ?? true,
                },
        }),
  }
}

function changeView({ action, record: { name, type, value } }: RecordChange): DnsChange {
  return { action, name, type, value }
}
