"""What must hold in a rendered set of Kubernetes manifests for weir. Pure: objects in, problems out."""
import math
import re
import urllib.parse

UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
SCALES = {"": 1, "m": 1e-3, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}
MARGIN_S = 5                   # between the last moment of a drain and SIGKILL
BASE_BYTES = 11 << 20          # weir at rest, and per request in flight; see deployment.yaml
IN_FLIGHT_BYTES = 54 << 10
NAMESPACE_LABEL = "kubernetes.io/metadata.name"
RESTRICTED_VOLUMES = {"configMap", "downwardAPI", "emptyDir", "projected", "secret"}


def seconds(text):
    """A duration as weir writes it."""
    number, unit = re.fullmatch(r"(\d+)(us|ms|s|m|h)", text).groups()
    return int(number) * UNITS[unit]


def quantity(value):
    """A Kubernetes quantity as a number."""
    number, scale = re.fullmatch(r"([\d.]+)(\D*)", str(value)).groups()
    return float(number) * SCALES[scale]


def covers(selector, labels):
    """Whether a selector is one by labels only, names some, and chooses these."""
    wanted = selector.get("matchLabels") or {}
    return set(selector) == {"matchLabels"} and bool(wanted) and wanted.items() <= labels.items()


class Manifests:
    """One rendered set: the objects by kind, and the parts that most rules ask for."""

    def __init__(self, objects):
        self.objects = objects
        self.deployment = self.only("Deployment")
        self.template = self.deployment["spec"]["template"]
        self.labels = self.template["metadata"]["labels"]
        self.pod = self.template["spec"]
        self.container = self.pod["containers"][0]
        self.ports = {p["name"]: p["containerPort"] for p in self.container["ports"]}
        self.env = self.environment()
        self.public = self.port_named("WEIR_LISTEN")
        self.admin = self.port_named("WEIR_ADMIN_LISTEN")

    def all(self, kind):
        return [o for o in self.objects if o["kind"] == kind]

    def only(self, kind):
        found = self.all(kind)
        if len(found) != 1:
            raise ValueError("%d objects of kind %s, one is wanted" % (len(found), kind))
        return found[0]

    def config_map(self, name):
        return next((o for o in self.all("ConfigMap") if o["metadata"]["name"] == name), None)

    def environment(self):
        """The container's environment, as the kubelet would make it."""
        env = {}
        for source in self.container.get("envFrom", ()):
            if "configMapRef" in source:
                env.update((self.config_map(source["configMapRef"]["name"]) or {}).get("data", {}))
        for entry in self.container.get("env", ()):
            if "value" in entry:
                env[entry["name"]] = entry["value"]
            else:
                env[entry["name"]] = self.resource(entry["valueFrom"]["resourceFieldRef"])
        return env

    def resource(self, ref):
        where, what = ref["resource"].split(".")
        return str(math.ceil(quantity(self.container["resources"][where][what]) / quantity(ref["divisor"])))

    def port_named(self, option):
        """The container port's name that an option's listener is on; None when there is none."""
        host, port = self.env.get(option, ":0").rsplit(":", 1)
        if host != "0.0.0.0":
            return None
        return next((name for name, number in self.ports.items() if number == int(port)), None)

    def routes_document(self):
        """The routes document that WEIR_ROUTES_FILE names; None when nothing is mounted there."""
        path = self.env.get("WEIR_ROUTES_FILE", "")
        for mount in self.container.get("volumeMounts", ()):
            folder = mount["mountPath"].rstrip("/") + "/"
            volume = next((v for v in self.pod["volumes"] if v["name"] == mount["name"]), {})
            data = (self.config_map(volume.get("configMap", {}).get("name")) or {}).get("data", {})
            if path.startswith(folder) and path[len(folder):] in data:
                return data[path[len(folder):]]
        return None

    def replicas(self):
        """The fewest and the most pods there may be."""
        spec = self.only("HorizontalPodAutoscaler")["spec"]
        return spec["minReplicas"], spec["maxReplicas"]


# ---- rules: each yields what is wrong ----

def selectors(m):
    """Whoever chooses pods chooses weir's."""
    chosen = [("Deployment", m.deployment["spec"]["selector"]),
              ("Service", {"matchLabels": m.only("Service")["spec"]["selector"]}),
              ("PodDisruptionBudget", m.only("PodDisruptionBudget")["spec"]["selector"]),
              ("NetworkPolicy", m.only("NetworkPolicy")["spec"]["podSelector"])]
    chosen += [("PodMonitor", o["spec"]["selector"]) for o in m.all("PodMonitor")]
    chosen += [("topology spread", c["labelSelector"]) for c in m.pod["topologySpreadConstraints"]]
    for who, selector in chosen:
        if not covers(selector, m.labels):
            yield "%s: the selector %s does not choose the pods with %s" % (who, selector, m.labels)


def namespaces(m):
    """All are in one namespace, or the set leaves it open."""
    found = {o["metadata"].get("namespace") for o in m.objects if o["kind"] != "Namespace"}
    found |= {o["metadata"]["name"] for o in m.all("Namespace")}
    if len(found) > 1:
        yield "the objects are in several namespaces: %s" % found
    for o in m.all("Namespace"):
        if o["metadata"]["labels"].get("pod-security.kubernetes.io/enforce") != "restricted":
            yield "the namespace does not enforce the restricted profile"


def listeners(m):
    """Each listener has a port of the container, each port a listener."""
    for option, name in (("WEIR_LISTEN", m.public), ("WEIR_ADMIN_LISTEN", m.admin)):
        if name is None:
            yield "%s=%s is not 0.0.0.0 and a port of the container" % (option, m.env.get(option))
    if set(m.ports) != {m.public, m.admin} or m.public == m.admin:
        yield "the container's ports %s are not those of the two listeners" % m.ports


def service(m):
    for port in m.only("Service")["spec"]["ports"]:
        if port["targetPort"] != m.public:
            yield "Service: the port %s leads to %s, not %s" % (port["name"], port["targetPort"], m.public)


def probes(m):
    """Probes ask the admin listener; readiness asks for readiness, liveness for life."""
    for name, path in (("startupProbe", "/readyz"), ("readinessProbe", "/readyz"), ("livenessProbe", "/livez")):
        get = m.container.get(name, {}).get("httpGet", {})
        if (get.get("port"), get.get("path")) != (m.admin, path):
            yield "%s asks %s of port %s, wanted %s of %s" % (name, get.get("path"), get.get("port"), path, m.admin)


def network(m):
    """One door for requests, one for monitoring; names and upstreams outside."""
    spec = m.only("NetworkPolicy")["spec"]
    if sorted(spec["policyTypes"]) != ["Egress", "Ingress"]:
        yield "NetworkPolicy: both directions are to be governed"
    doors = [tuple(p["port"] for p in rule.get("ports", ())) for rule in spec["ingress"]]
    if len(doors) != 2 or set(doors) != {(m.public,), (m.admin,)}:
        yield "NetworkPolicy: the ports let in are %s, wanted %s and %s" % (doors, m.public, m.admin)
    if any(not peer.get("namespaceSelector", {}).get("matchLabels") for rule in spec["ingress"]
           for peer in rule.get("from") or [{}]):
        yield "NetworkPolicy: a port is open to everybody"
    if {("UDP", 53), ("TCP", 53)} != {(p["protocol"], p["port"]) for rule in spec["egress"]
                                      for p in rule.get("ports", ())}:
        yield "NetworkPolicy: name lookups (port 53, UDP and TCP) are not let out"
    let_out = {peer.get("namespaceSelector", {}).get("matchLabels", {}).get(NAMESPACE_LABEL)
               for rule in spec["egress"] if "ports" not in rule for peer in rule["to"]}
    for name, value in m.env.items():
        host = urllib.parse.urlsplit(value).hostname if name.endswith("_URL") else None
        if host is not None and host.split(".")[1] not in let_out:
            yield "NetworkPolicy: %s=%s is in none of the namespaces let out, %s" % (name, value, let_out)


def drain(m):
    """A pod has left every list before it stops accepting, and is done before it is killed."""
    delay, timeout = seconds(m.env["WEIR_DRAIN_DELAY"]), seconds(m.env["WEIR_DRAIN_TIMEOUT"])
    grace = m.pod["terminationGracePeriodSeconds"]
    if delay + timeout + MARGIN_S > grace:
        yield "drain: %gs + %gs + %ds are more than the grace period of %ds" % (delay, timeout, MARGIN_S, grace)
    probe = m.container["readinessProbe"]
    notice = probe["periodSeconds"] * probe["failureThreshold"]
    if notice > delay:
        yield "drain: readiness takes %ds to be seen, the delay is %gs" % (notice, delay)
    if "lifecycle" in m.container:
        yield "drain: a preStop hook puts off weir's own delay"
    update = m.deployment["spec"]["strategy"]["rollingUpdate"]
    if update["maxUnavailable"] != 0:
        yield "rollout: %s pods may be missing" % update["maxUnavailable"]


def restricted(m):
    """The restricted profile of the Pod Security Standards, and nothing to write to."""
    pod, box = m.pod.get("securityContext", {}), m.container.get("securityContext", {})
    both = dict(pod, **box)
    wanted = (("runAsNonRoot", both.get("runAsNonRoot") is True),
              ("runAsUser", both.get("runAsUser", 1) != 0),
              ("seccompProfile", both.get("seccompProfile", {}).get("type") == "RuntimeDefault"),
              ("allowPrivilegeEscalation", box.get("allowPrivilegeEscalation") is False),
              ("capabilities", box.get("capabilities") == {"drop": ["ALL"]}),
              ("privileged", not box.get("privileged")),
              ("readOnlyRootFilesystem", box.get("readOnlyRootFilesystem") is True),
              ("the host's namespaces", not {"hostNetwork", "hostPID", "hostIPC"} & set(m.pod)),
              ("hostPort", not any("hostPort" in p for p in m.container["ports"])),
              ("volumes", all(set(v) - {"name"} <= RESTRICTED_VOLUMES for v in m.pod["volumes"])),
              ("automountServiceAccountToken", m.pod.get("automountServiceAccountToken") is False),
              ("enableServiceLinks", m.pod.get("enableServiceLinks") is False),
              ("one container", len(m.pod["containers"]) == 1 and "initContainers" not in m.pod))
    for what, held in wanted:
        if not held:
            yield "security: %s" % what


def references(m):
    """Each ConfigMap that is used is rendered and the reverse; secrets may be missing."""
    used = set()
    for source in m.container["envFrom"]:
        if "configMapRef" in source:
            used.add(source["configMapRef"]["name"])
        elif not source["secretRef"].get("optional"):
            yield "the secret %s must exist" % source["secretRef"]["name"]
    used |= {v["configMap"]["name"] for v in m.pod["volumes"] if "configMap" in v}
    made = {o["metadata"]["name"] for o in m.all("ConfigMap")}
    if used != made:
        yield "ConfigMaps: used are %s, rendered are %s" % (sorted(used), sorted(made))
    for name in made:
        if not re.fullmatch(r"[a-z-]+-[a-z0-9]{10}", name):
            yield "the ConfigMap %s has no hash in its name: a change would not roll out" % name
    if m.routes_document() is None:
        yield "WEIR_ROUTES_FILE=%s is in no volume" % m.env.get("WEIR_ROUTES_FILE")


def scaling(m):
    """The autoscaler moves this Deployment, and a node can be emptied at its least."""
    spec = m.only("HorizontalPodAutoscaler")["spec"]
    target, is_ours = spec["scaleTargetRef"], {k: m.deployment[k] for k in ("apiVersion", "kind")}
    is_ours["name"] = m.deployment["metadata"]["name"]
    if target != is_ours:
        yield "HorizontalPodAutoscaler: the target %s is not %s" % (target, is_ours)
    if "replicas" in m.deployment["spec"]:
        yield "HorizontalPodAutoscaler: the Deployment's own replicas undo its work at each apply"
    least, most = m.replicas()
    if not 2 <= least < most:
        yield "HorizontalPodAutoscaler: %d to %d replicas" % (least, most)
    budget = m.only("PodDisruptionBudget")["spec"]
    if budget.get("maxUnavailable", least - budget.get("minAvailable", least)) < 1:
        yield "PodDisruptionBudget: no pod may ever leave its node"


def resources(m):
    """What is asked for is there: memory for the caps, processor time for the workers."""
    asked, cap = m.container["resources"]["requests"], m.container["resources"]["limits"]
    if asked["memory"] != cap.get("memory"):
        yield "resources: the memory limit %s is not the request %s" % (cap.get("memory"), asked["memory"])
    need = BASE_BYTES + IN_FLIGHT_BYTES * int(m.env["WEIR_MAX_IN_FLIGHT"])
    if need > quantity(asked["memory"]):
        yield "resources: WEIR_MAX_IN_FLIGHT needs %d MiB, there are %s" % (need >> 20, asked["memory"])
    if int(m.env.get("WEIR_WORKERS", 0)) != math.ceil(quantity(asked["cpu"])):
        yield "resources: WEIR_WORKERS=%s with %s CPUs requested" % (m.env.get("WEIR_WORKERS"), asked["cpu"])
    if "cpu" in cap and quantity(cap["cpu"]) <= int(m.env["WEIR_WORKERS"]):
        yield "resources: the CPU limit leaves nothing beside the workers"


def monitors(m):
    for o in m.all("PodMonitor"):
        for endpoint in o["spec"]["podMetricsEndpoints"]:
            if (endpoint["port"], endpoint["path"]) != (m.admin, "/metrics"):
                yield "PodMonitor: %s of port %s, wanted /metrics of %s" % (endpoint["path"], endpoint["port"],
                                                                         m.admin)


def image(m):
    if not re.search(r"@sha256:[0-9a-f]{64}$|:(?!latest$)[\w.-]+$", m.container["image"]):
        yield "the image %s is not pinned" % m.container["image"]


RULES = (selectors, namespaces, listeners, service, probes, network, drain, restricted, references, scaling,
         resources, monitors, image)


def problems(objects):
    """Everything that is wrong with a rendered set."""
    try:
        m = Manifests(objects)
        return [problem for rule in RULES for problem in rule(m)]
    except (KeyError, ValueError, AttributeError, TypeError, IndexError) as error:
        return ["something is missing or malformed: %s: %s" % (type(error).__name__, error)]
