/** /v1/workspaces/{workspace}/mailbox-settings: what a workspace has decided for all of its mailboxes. */
import { type Static, Type } from 'typebox'
import { getWorkspace } from '../accounts/workspaces.ts'
import {
  defaultMailboxSettings,
  type MailboxSettings,
  mailboxSettingsBounds,
  mailboxSettingsOf,
  putMailboxSettings,
} from '../mailboxes/workspace-settings.ts'
import type { Platform } from '../platform/platform.ts'
import { callerOf } from './caller.ts'
import { mutate } from './mutate.ts'
import { readProblems, writeProblems } from './problem-view.ts'
import { type Api, closed, Nullable } from './schemas.ts'
import { serviceMappingRoutes } from './service-mapping.ts'

const { renameAliasDays, restoreDays } = mailboxSettingsBounds

const fields = {
  totp_codes_shown: Type.Boolean({
    description:
      'Whether keys are shown the present code of a mailbox’s TOTP: convenient, and one factor less.',
  }),
  rename_alias_days: Nullable(
    Type.Integer({ minimum: renameAliasDays.min, maximum: renameAliasDays.max }),
    'Days that the old address of a renamed mailbox stays as its alias. Null: for ever; 0: it goes at once.',
  ),
  restore_days: Type.Integer({
    minimum: restoreDays.min,
    maximum: restoreDays.max,
    description: 'Days in which a deleted mailbox can be restored.',
  }),
}

const SettingsView = Type.Object(fields, { title: 'MailboxSettings' })

const SettingsBody = Type.Object(
  {
    totp_codes_shown: Type.Optional(fields.totp_codes_shown),
    rename_alias_days: Type.Optional(fields.rename_alias_days),
    restore_days: Type.Optional(fields.restore_days),
  },
  closed,
)

const WorkspacePath = Type.Object({ workspace: Type.String({ description: 'Its id.' }) })
const tags = ['account']

export function mailboxSettingsRoutes(app: Api, platform: Platform): void {
  serviceMappingRoutes(app, platform)
  app.get(
    '/v1/workspaces/:workspace/mailbox-settings',
    {
      schema: {
        summary: 'Get the settings of a workspace’s mailboxes',
        tags,
        params: WorkspacePath,
        response: { 200: SettingsView, ...readProblems() },
      },
    },
    async (request) => {
      const { id } = await getWorkspace(platform, callerOf(request).principal, request.params.workspace)
      return await mailboxSettingsOf(platform.db, id)
    },
  )
  app.put(
    '/v1/workspaces/:workspace/mailbox-settings',
    {
      schema: {
        summary: 'Set the settings of a workspace’s mailboxes',
        description:
          'Put replaces all settings: what is left out has its default again. Mailboxes that are deleted or renamed already keep their day.',
        tags,
        params: WorkspacePath,
        body: SettingsBody,
        response: { 200: SettingsView, ...writeProblems() },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { principal } = callerOf(request)
        const settings = toSettings(request.body)
        const body = await putMailboxSettings(platform, tx, principal, request.params.workspace, settings)
        return { status: 200, body }
      }),
  )
}

function toSettings(body: Static<typeof SettingsBody>): MailboxSettings {
  const { totp_codes_shown, rename_alias_days, restore_days } = defaultMailboxSettings
  return {
    totp_codes_shown: body.totp_codes_shown ?? totp_codes_shown,
    rename_alias_days: body.rename_alias_days === undefined ? rename_alias_days : body.rename_alias_days,
    restore_days: body.restore_days ?? restore_days,
  }
}
