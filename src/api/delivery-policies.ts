/** /v1/{mailboxes,domains,workspaces}/{id}/delivery-policy: how mail is judged, and how much may leave. */
import { type TSchema, Type } from 'typebox'
import { type DeliveryPolicy, type DeliveryPolicySettings, deliverySettings } from '../delivery/policies.ts'
import {
  type DeliveryPolicyReport,
  getDeliveryPolicy,
  putDeliveryPolicy,
  reservedSettings,
  type SettingName,
  settingsAt,
} from '../delivery/policy-changes.ts'
import type { Platform } from '../platform/platform.ts'
import { callerOf } from './caller.ts'
import { LevelPath, levelRef, levels, type RouteLevel } from './levels.ts'
import { mutate } from './mutate.ts'
import { readProblems, writeProblems } from './problem-view.ts'
import { type Api, closed, Nullable, OneOf } from './schemas.ts'

const names = Object.keys(deliverySettings).filter((name): name is SettingName => name in deliverySettings)

/** A setting's schema, made of its bounds. */
function schemaOf(name: SettingName): TSchema {
  const setting = deliverySettings[name]
  if ('words' in setting) return OneOf(setting.words, setting.doc)
  const { min, max, doc, off } = setting
  const number = Type.Integer({ minimum: min, maximum: max, description: doc })
  return off ? Nullable(number) : number
}

function settingsView({ scope }: RouteLevel) {
  const title = `${scope.charAt(0).toUpperCase()}${scope.slice(1)}DeliverySettings`
  return Type.Unsafe<DeliveryPolicySettings>(
    Type.Object(Object.fromEntries(settingsAt(scope).map((name) => [name, Type.Optional(schemaOf(name))])), {
      ...closed,
      title,
      description: 'What is left out is inherited.',
    }),
  )
}

const EffectiveView = Type.Unsafe<DeliveryPolicy>(
  Type.Object(Object.fromEntries(names.map((name) => [name, schemaOf(name)])), {
    title: 'DeliveryPolicy',
    description: 'What holds, with what is inherited.',
  }),
)

const description =
  'A setting is the mailbox’s own, else its domain’s, else its workspace’s, else the program’s default. Put replaces all settings: what is left out is inherited.'

const workspaceDescription = `${description} Only a key of the whole organization changes ${reservedSettings.join(', ')} of a workspace; another must send them as they are.`

export function deliveryPolicyRoutes(app: Api, platform: Platform): void {
  for (const level of levels) policyRoutes(app, platform, level)
}

function policyRoutes(app: Api, platform: Platform, level: RouteLevel): void {
  const { scope, path, tag, codes } = level
  const SettingsView = settingsView(level)
  const PolicyView = Type.Unsafe<DeliveryPolicyReport>(
    Type.Object({ settings: SettingsView, effective: EffectiveView }),
  )
  app.get(
    `${path}/delivery-policy`,
    {
      schema: {
        summary: `Get a ${scope}’s delivery policy`,
        tags: [tag],
        params: LevelPath(level),
        response: { 200: PolicyView, ...readProblems(...codes) },
      },
    },
    async (request) => getDeliveryPolicy(platform, callerOf(request), levelRef(level, request.params)),
  )
  app.put(
    `${path}/delivery-policy`,
    {
      schema: {
        summary: `Set a ${scope}’s delivery policy`,
        description: scope === 'workspace' ? workspaceDescription : description,
        tags: [tag],
        params: LevelPath(level),
        body: SettingsView,
        response: { 200: PolicyView, ...writeProblems(...codes) },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const wanted = levelRef(level, request.params)
        const body = await putDeliveryPolicy(platform, tx, callerOf(request), wanted, request.body)
        return { status: 200, body }
      }),
  )
}
