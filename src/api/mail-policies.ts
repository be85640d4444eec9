/** /v1/mailboxes/{mailbox}/policy and /v1/workspaces/{workspace}/policy: quotas, retention, days to restore. */
import { type Static, Type } from 'typebox'
import { getWorkspace } from '../accounts/workspaces.ts'
import { getMailbox, subject } from '../mailboxes/mailboxes.ts'
import {
  type MailPolicy,
  type PolicySettings,
  policyBounds,
  readPolicy,
  settingsOf,
  workspacePolicyOf,
} from '../messages/policies.ts'
import { type PolicyReport, putMailboxPolicy, putWorkspacePolicy } from '../messages/policy-changes.ts'
import type { Platform } from '../platform/platform.ts'
import { callerOf, scopeOf } from './caller.ts'
import { MailboxPath } from './mailbox-view.ts'
import { mutate } from './mutate.ts'
import { readProblems, writeProblems } from './problem-view.ts'
import { type Api, closed, Nullable } from './schemas.ts'

const within = ({ min, max }: { min: number; max: number }, description: string) =>
  Type.Integer({ minimum: min, maximum: max, description })

const fields = {
  quota_bytes: Nullable(within(policyBounds.quotaBytes, 'What a mailbox may hold. Null: unlimited.')),
  quota_messages: Nullable(within(policyBounds.quotaMessages, 'The same in messages. Null: unlimited.')),
  trash_days: Nullable(within(policyBounds.trashDays, 'Days that a message stays in Trash. Null: for ever.')),
  junk_days: Nullable(within(policyBounds.junkDays, 'Days that a message stays in Junk. Null: for ever.')),
  restore_days: within(policyBounds.restoreDays, 'Days that a removed message can be restored.'),
  pop3_keep_days: Nullable(
    within(policyBounds.pop3KeepDays, 'Days after which what POP3 has retrieved is removed. Null: never.'),
  ),
}

const SettingsView = Type.Object(
  {
    quota_bytes: Type.Optional(fields.quota_bytes),
    quota_messages: Type.Optional(fields.quota_messages),
    trash_days: Type.Optional(fields.trash_days),
    junk_days: Type.Optional(fields.junk_days),
    restore_days: Type.Optional(fields.restore_days),
    pop3_keep_days: Type.Optional(fields.pop3_keep_days),
  },
  { ...closed, title: 'MailPolicySettings', description: 'What is left out is inherited.' },
)

const PolicyView = Type.Object(
  {
    settings: SettingsView,
    effective: Type.Object(fields, { description: 'What holds, with what is inherited.' }),
  },
  { title: 'MailPolicy' },
)

const WorkspacePath = Type.Object({ workspace: Type.String({ description: 'Its id.' }) })

const description =
  'A setting is the mailbox’s own, else its workspace’s, else the program’s default. Put replaces all settings: what is left out is inherited.'

export function mailPolicyRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/mailboxes/:mailbox/policy',
    {
      schema: {
        summary: 'Get a mailbox’s policy',
        tags: ['mailboxes'],
        params: MailboxPath,
        response: { 200: PolicyView, ...readProblems('mailbox_not_found') },
      },
    },
    async (request) => {
      const owner = subject(await getMailbox(platform, scopeOf(request), request.params.mailbox))
      const settings = await settingsOf(platform.db, owner.workspaceId, owner.mailboxId)
      return policyView({ settings, effective: await readPolicy(platform, owner, platform.db) })
    },
  )
  app.put(
    '/v1/mailboxes/:mailbox/policy',
    {
      schema: {
        summary: 'Set a mailbox’s policy',
        description,
        tags: ['mailboxes'],
        params: MailboxPath,
        body: SettingsView,
        response: { 200: PolicyView, ...writeProblems('mailbox_not_found') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { mailbox } = request.params
        const settings = toSettings(request.body)
        const report = await putMailboxPolicy(platform, tx, scopeOf(request), mailbox, settings)
        return { status: 200, body: policyView(report) }
      }),
  )
  workspaceRoutes(app, platform)
}

function workspaceRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/workspaces/:workspace/policy',
    {
      schema: {
        summary: 'Get the policy of a workspace’s mailboxes',
        tags: ['account'],
        params: WorkspacePath,
        response: { 200: PolicyView, ...readProblems() },
      },
    },
    async (request) => {
      const { id } = await getWorkspace(platform, callerOf(request).principal, request.params.workspace)
      const settings = await settingsOf(platform.db, id, null)
      return policyView({ settings, effective: await workspacePolicyOf(platform, id) })
    },
  )
  app.put(
    '/v1/workspaces/:workspace/policy',
    {
      schema: {
        summary: 'Set the policy of a workspace’s mailboxes',
        description,
        tags: ['account'],
        params: WorkspacePath,
        body: SettingsView,
        response: { 200: PolicyView, ...writeProblems() },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { principal } = callerOf(request)
        const { workspace } = request.params
        const settings = toSettings(request.body)
        const report = await putWorkspacePolicy(platform, tx, principal, workspace, settings)
        return { status: 200, body: policyView(report) }
      }),
  )
}

function toSettings(body: Static<typeof SettingsView>): PolicySettings {
  return {
    ...(body.quota_bytes === undefined ? {} : { quotaBytes: body.quota_bytes }),
    ...(body.quota_messages === undefined ? {} : { quotaMessages: body.quota_messages }),
    ...(body.trash_days === undefined ? {} : { trashDays: body.trash_days }),
    ...(body.junk_days === undefined ? {} : { junkDays: body.junk_days }),
    ...(body.restore_days === undefined ? {} : { restoreDays: body.restore_days }),
    ...(body.pop3_keep_days === undefined ? {} : { pop3KeepDays: body.pop3_keep_days }),
  }
}

function policyView({ settings, effective }: PolicyReport) {
  return { settings: settingsView(settings), effective: effectiveView(effective) }
}

function settingsView(settings: PolicySettings): Static<typeof SettingsView> {
  const { quotaBytes, quotaMessages, trashDays, junkDays, restoreDays, pop3KeepDays } = settings
  return {
    ...(quotaBytes === undefined ? {} : { quota_bytes: quotaBytes }),
    ...(quotaMessages === undefined ? {} : { quota_messages: quotaMessages }),
    ...(trashDays === undefined ? {} : { trash_days: trashDays }),
    ...(junkDays === undefined ? {} : { junk_days: junkDays }),
    ...(restoreDays === undefined ? {} : { restore_days: restoreDays }),
    ...(pop3KeepDays === undefined ? {} : { pop3_keep_days: pop3KeepDays }),
  }
}

function effectiveView(policy: MailPolicy) {
  return {
    quota_bytes: policy.quotaBytes,
    quota_messages: policy.quotaMessages,
    trash_days: policy.trashDays,
    junk_days: policy.junkDays,
    restore_days: policy.restoreDays,
    pop3_keep_days: policy.pop3.keepDays,
  }
}
