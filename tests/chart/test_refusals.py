"""Values that cannot work are refused at install, with a message that says what to do."""

import pytest

from tests.chart.rendering import refusal

OTHER_LANES = 'workers.more={"role":"deliver","lanes":["bulk"],"terminationGracePeriodSeconds":300}'
TWICE = 'workers.more={"role":"feedback","jobs":["quota"],"groupPrefix":"other"}'


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (('kafka.bootstrap=""',), "kafka.bootstrap must be given"),
        (('clickhouse.url=""',), "clickhouse.url must be given when a sink runs"),
        (('hashKey.existingSecret=""',), "hashKey.existingSecret must be given"),
        (('tokenKeys.existingSecret=""',), "tokenKeys.existingSecret must be given"),
        (("healthPort=2525",), "healthPort: workers.inbound listens on 2525 itself"),
        ((TWICE,), "the job quota runs elsewhere with another groupPrefix, and would be done twice"),
        (('config.tenants=""',), "config.tenants and config.pools, or config.existingConfigMap, must be given"),
        (('kafka.passwordKey="password"',), "keys of kafka.existingSecret, which must be given"),
        (('kafka.existingSecret="kafka"',), "of no use without kafka.passwordKey or kafka.caKey"),
        (('kafka.options={"sasl.password":"x"}',), "sasl.password has a value of its own, or belongs in"),
        (('serviceAccount.name="mine"',), "serviceAccount.name is for create: false"),
        (("workers.sink.autoscaling.enabled=true",), "workers.sink: only deliver workers scale by lag"),
        (("workers.delay.autoscaling.enabled=true",), "workers.delay: only deliver workers scale by lag"),
        (('workers.deliver.autoscaling={"enabled":true,"minReplicas":20}',), "minReplicas is above maxReplicas"),
        (("workers.deliver.terminationGracePeriodSeconds=119",), "terminationGracePeriodSeconds must be at least 120"),
        ((OTHER_LANES,), "members of one consumer group must serve the same lanes; give it a groupPrefix of its own"),
    ],
)
def test_impossible_combinations(sets: tuple[str, ...], message: str) -> None:
    assert message in refusal(*sets)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ("kafak={}", "kafak"),
        ('image.name="x"', "/image"),
        ('image.tag="latest"', "/image/tag"),
        ('image.digest="sha256:12"', "/image/digest"),
        ('kafka.bootstraps="x"', "/kafka"),
        ("kafka.options.x=1", "/kafka/options/x"),
        ('clickhouse.url="http://user:password@host:8123/db"', "/clickhouse/url"),
        ('hashKey.existingSecret="No Such"', "/hashKey/existingSecret"),
        ('dkim=[{"domain":"a.example","selector":"s","existingSecret":"x"}]', "/dkim/0"),
        ('dkim=[{"domain":"../a","selector":"s","existingSecret":"x","key":"k"}]', "/dkim/0/domain"),
        ("settings.slots_blk=1", "slots_blk"),
        ('settings.hash_key="x"', "hash_key"),
        ("workers.deliver.replicas=-1", "/workers/deliver/replicas"),
        ("workers.deliver.replica=1", "/workers/deliver"),
        ('workers.deliver.lanes=["urgent"]', "/workers/deliver/lanes/0"),
        ("workers.deliver.lanes=[]", "/workers/deliver/lanes"),
        ('workers.deliver.role="webb"', "/workers/deliver/role"),
        ('workers.feedback.jobs=["quotas"]', "/workers/feedback/jobs/0"),
        ("workers.feedback.jobs=[]", "/workers/feedback/jobs"),
        ('workers.web.service.type="ExternalName"', "/workers/web/service/type"),
        ('settings.token_keys="0:00"', "token_keys"),
        ('workers.other={"replicas":1}', "/workers/other"),
        ('workers={"Deliver":{"role":"deliver"}}', "'Deliver' does not match pattern"),
        ('workers={"' + "a" * 21 + '":{"role":"delay"}}', "aa' does not match pattern"),
        ("healthPort=80", "/healthPort"),
        ("jobs.hooks=true", "/jobs"),
        ("networkPolicy.kafka.ports=[70000]", "/networkPolicy/kafka/ports/0"),
        ('podMonitor.interval="soon"', "/podMonitor/interval"),
    ],
)
def test_values_that_the_schema_does_not_know(change: str, where: str) -> None:
    message = refusal(change)
    assert "values don't meet the specifications of the schema" in message
    assert where in message
