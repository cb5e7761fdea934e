"""`frank devices` and the dry run: what is there, how fast it is, and what it would cost."""

import base64
import os
import re
import shutil
import subprocess
import tempfile

from cli_support import check_header, check_test, frank, program, records, run, soon, tested

B = base64.b64encode(bytes(range(64))).decode()


def devices_are_listed_with_rate_and_self_test():
    done = frank("devices")
    assert done.returncode == 0, done
    lines = done.stdout.decode().splitlines()
    assert lines[0].split() == ["DEVICE", "ENGINE", "VARIANT", "PLACE", "NUMA", "STATE",
                                "SELF-TEST", "RATE"]
    row = lines[1].split()
    assert row[0] == "cpu:0" and row[1] == "cpu" and "ready" in row and "passed" in row, row
    verbose = frank("devices", "-v", "--device", "cpu:0")
    assert verbose.returncode == 0 and b"    model  " in verbose.stdout, verbose
    assert b"\ncpu:1 " not in verbose.stdout, verbose


def json_has_a_record_each_and_a_final_one():
    done = frank("devices", "--json")
    assert done.returncode == 0, done
    *devices, final = records(done)
    assert final["ready"] == len(devices) >= 1 and final["failed"] == 0, final
    for device in devices:
        assert device["state"] == "ready" and device["self_test"] == "passed", device
        assert device["rate_hps"] > 0 and device["variant"], device
        assert re.fullmatch(r"(package \d+ )?(core|thread) \d+( thread \d+)?", device["place"]), device
        assert device["numa_node"] is None or device["numa_node"] >= 0, device


def test_searches_on_each_device():
    check_test("--device", "cpu:0")


def test_finds_out_devices_that_go_wrong():
    for name, named in (("faulty:wrong", "wrong results"), ("faulty:attempts", "wrong results"),
                        ("faulty:die", "restarts"), ("faulty:hang", "restarts"),
                        ("null", "wrong result")):
        done = frank("devices", "--test", "--device", name, "--json")
        assert done.returncode == 1, (name, done)
        device, final = records(done)
        assert final["failed"] == 1 and named in device["test"]["why"], (name, device)
    slow = tested("--device", "faulty:slow")
    assert slow.returncode == 0, slow


def device_that_fails_its_self_test_is_no_device():
    done = frank("devices", "--device", "faulty:selftest", "--json")
    assert done.returncode == 3, done
    assert "self-test" in done.stderr and "error" in records(done)[-1], done
    done = frank("mint", "--b", B, "--device", "faulty:selftest")
    assert done.returncode == 3 and "self-test" in done.stderr, done


def test_counts_a_device_that_is_not_ready_as_failed():
    done = tested("--device", "faulty:selftest", "--device", "cpu:0")
    assert done.returncode == 1 and "1 of 2 devices failed" in done.stderr, done
    *devices, final = records(done)
    assert final["failed"] == 1 and final["ready"] == 1 and len(devices) == 2, done
    done = frank("devices", "--device", "faulty:selftest", "--device", "cpu:0", "--json")
    assert done.returncode == 0 and records(done)[-1]["failed"] == 0, done


def mint_does_not_wait_for_a_device_that_hangs_when_it_is_opened():
    mint = ["mint", "--b", B, "--deadline", "10m", "--device", "faulty:open", "--device"]
    done = soon(20, lambda: frank(*mint, "cpu:0", "--factor", "1000"))
    assert done.returncode == 0, done
    check_header(done.stdout[:-1], "rsa-sha256", B, 1000)
    # A device that is not there is still named, and at once.
    done = soon(20, lambda: frank(*mint, "cpu:4096"))
    assert done.returncode == 3 and "no device cpu:4096" in done.stderr, done
    # At the deadline there is a best in any case: one nonce was tried when the request was taken.
    for args in (["--device", "faulty:open", "--deadline", "500ms"], ["--deadline", "1ms"]):
        done = frank("mint", "--b", B, "--bits", "52.9", *args)
        assert done.returncode == 1 and "not met" in done.stderr, (args, done)
        check_header(done.stdout[:-1], "rsa-sha256", B)
        record = records(frank("mint", "--b", B, "--bits", "52.9", "--json", *args))[0]
        assert record["met"] is False and record["attempts"] >= 1, record


def mint_survives_a_device_that_goes_wrong():
    for name in ("faulty:wrong", "faulty:attempts", "faulty:die", "faulty:hang"):
        done = frank("mint", "--b", B, "--bits", "23", "--deadline", "10m", "--device", name,
                     "--device", "cpu:0")
        assert done.returncode == 0, (name, done)
        check_header(done.stdout[:-1], "rsa-sha256", B, 1 << 23)


def keeping(env, *args):
    """[made, kept or unkept; the number] of faulty:keeps, its record, and the notes but for those
    on its neighbours."""
    absent = {"CACHE_DIRECTORY": "", "XDG_CACHE_HOME": "", "HOME": ""}
    env = {**absent, **env}
    if "--test" in args:
        more = [arg for arg in args if arg != "--test"]
        done = tested("--device", "faulty:keeps", *more, env=env)
    else:
        done = frank("devices", "--device", "faulty:keeps", "--json", *args, env=env)
    assert done.returncode == 0, done
    device, final = records(done)
    notes = [note for note in final["notes"] if not note.endswith("there, but not named")]
    return device["variant"].split("-"), device, notes


def what_was_tuned_is_kept_until_tune():
    with tempfile.TemporaryDirectory(prefix="frank-") as folder:
        cache = os.path.join(folder, "cache")
        env = {"CACHE_DIRECTORY": cache}
        (how, number), _, notes = keeping(env)
        assert how == "made" and notes == [], (how, notes)
        assert keeping(env)[0] == ["kept", number]
        (how, anew), _, _ = keeping(env, "--tune")
        assert how == "made" and anew != number, (how, anew, number)
        assert keeping(env)[0] == ["kept", anew]
        # The tests after tuning use what it found: they would replace it otherwise.
        (how, anew), device, _ = keeping(env, "--tune", "--test")
        assert how == "made" and device["test"]["passed"] is True, device
        assert keeping(env)[0] == ["kept", anew]
        # Minting keeps as well, in the same folder.
        os.unlink(os.path.join(cache, "faulty-keeps"))
        done = frank("mint", "--b", B, "--factor", "1", "--device", "faulty:keeps", env=env)
        assert done.returncode == 0 and os.listdir(cache) == ["faulty-keeps"], done
        assert keeping(env)[0][0] == "kept"


def cache_folder_is_the_one_of_the_environment():
    with tempfile.TemporaryDirectory(prefix="frank-") as folder:
        def path(name):
            return os.path.join(folder, name)
        for env, expected in (
                ({"HOME": path("home")}, "home/.cache/frank"),
                ({"HOME": path("home"), "XDG_CACHE_HOME": path("xdg")}, "xdg/frank"),
                ({"HOME": path("home"), "CACHE_DIRECTORY": f"{path('unit')}:/second"}, "unit")):
            assert keeping(env)[0][0] == "made", env
            assert os.path.isfile(os.path.join(folder, expected, "faulty-keeps")), env
        # What cannot be kept is no reason not to search; a folder that cannot be used is told.
        os.chmod(path("unit/faulty-keeps"), 0o666)
        assert keeping({"CACHE_DIRECTORY": path("unit")})[0][0] == "made"
        with open(path("file"), "wb"):
            pass
        done = frank("devices", "--device", "faulty:keeps", env={"CACHE_DIRECTORY": path("file")})
        assert done.returncode == 0 and b" unkept-" in done.stdout, done
        assert "faulty-keeps: its folder cannot be used: Not a directory" in done.stderr, done
        how, _, notes = keeping({"CACHE_DIRECTORY": "/" + "x" * 255})
        assert how[0] == "unkept" and "longer than 255 bytes" in notes[0], notes
        how, _, notes = keeping({})
        assert how[0] == "unkept" and notes == [], notes
        how, _, notes = keeping({}, "--tune")
        assert how[0] == "unkept" and "is not kept" in notes[0], notes


def engine_that_nobody_named_is_missed_by_nobody():
    usual = frank("devices", "--json")
    named = frank("devices", "--device", "opencl", "--device", "cpu:0", "--json")
    assert usual.returncode == 0 and "no engine" not in str(records(usual)[-1]["notes"]), usual
    # Named, it is missed where this build has none.
    assert named.returncode == 0 or "no device opencl here; there is: cpu:0" in named.stderr, named
    done = frank("mint", "--b", B, "--device", "cpu:4096")
    assert done.returncode == 3 and "no engine" not in done.stderr, done


def slow_engine_is_waited_for_by_devices_not_by_mint():
    """A driver may take seconds to tell its devices. Stands for one: a frank-worker that does so
    where opencl is looked for, and is the real one otherwise."""
    with tempfile.TemporaryDirectory(prefix="frank-") as folder:
        def run_with(delay, *args):
            worker = os.path.join(folder, "frank-worker")
            with open(worker, "w", encoding="ascii") as file:
                file.write("#!/bin/sh\n"
                           f'if [ "$*" = "--probe opencl" ]; then {delay}; fi\n'
                           f"exec '{program('frank-worker')}' \"$@\"\n")
            os.chmod(worker, 0o755)
            return subprocess.run([frank_here, *args], stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=180, check=False)

        # It looks for the worker beside itself.
        frank_here = shutil.copy(program("frank"), folder)
        done = soon(20, lambda: run_with("exec sleep 1000", "mint", "--b", B, "--factor", "1000"))
        assert done.returncode == 0, done
        check_header(done.stdout[:-1].encode(), "rsa-sha256", B, 1000)
        # What comes late is listed all the same: the device null:0, here.
        done = run_with("sleep 2; set -- --probe null", "devices", "--json")
        assert done.returncode == 0, done
        assert records(done)[-1]["notes"][-1] == "null:0: there, but not named", done


def forced_variant_is_used():
    done = frank("devices", "--device", "cpu:0", "--isa", "portable", "--json")
    assert done.returncode == 0, done
    assert records(done)[0]["variant"] == "portable", done


def help_names_the_variants_there_are():
    text = frank("devices", "--help").stdout.decode()
    named = re.search(r"--isa V .*code path: ([\w ]+) \(CPU\)", text).group(1).split()
    refused = frank("mint", "--b", B, "--device", "cpu:0", "--isa", "nonsense")
    runnable = re.search(r"here run: ([\w ]+)", refused.stderr).group(1).split()
    assert "portable" in runnable and set(runnable) <= set(named), (named, runnable)
    for name in named:
        done = frank("mint", "--b", B, "--factor", "1", "--device", "cpu:0", "--isa", name)
        assert (done.returncode == 0) == (name in runnable), done
        # A variant of this program that the machine has not is told apart from one there is not.
        assert name in runnable or "needs instructions" in done.stderr, done


def dry_run_plans_and_does_not_search():
    text = frank("mint", "--b", B, "--factor", "1000000", "--dry-run")
    assert text.returncode == 0 and b"MSMR-Key" not in text.stdout, text
    assert b"31 digits" in text.stdout and b"2 SHA-256 blocks" in text.stdout, text
    for length, digits, blocks in ((88, 31, 2), (172, 11, 3), (344, 31, 6), (512, 40, 9),
                                   (684, 11, 11)):
        done = frank("mint", "--b", "A" * length, "--factor", "1000000", "--dry-run", "--json",
                     "--device", "cpu:0")
        plan = records(done)[0]
        assert (plan["digits"], plan["blocks"]) == (digits, blocks), plan
        assert plan["expected_attempts"] == 1000000 and plan["rate_hps"] > 0, plan
        assert abs(plan["expected_s"] - 1e6 / plan["rate_hps"]) < 0.01 * plan["expected_s"], plan
        assert 0 < plan["chance"] <= 1, plan
    # What a factor costs is told even where nobody would wait for it.
    done = frank("mint", "--b", B, "--bits", "52.9", "--dry-run", "--json", "--deadline", "1s")
    assert records(done)[0]["expected_s"] > 3600 and records(done)[0]["chance"] < 0.01, done


if __name__ == "__main__":
    run(devices_are_listed_with_rate_and_self_test, json_has_a_record_each_and_a_final_one,
        test_searches_on_each_device, test_finds_out_devices_that_go_wrong,
        device_that_fails_its_self_test_is_no_device, mint_survives_a_device_that_goes_wrong,
        test_counts_a_device_that_is_not_ready_as_failed,
        mint_does_not_wait_for_a_device_that_hangs_when_it_is_opened,
        what_was_tuned_is_kept_until_tune, cache_folder_is_the_one_of_the_environment,
        engine_that_nobody_named_is_missed_by_nobody,
        slow_engine_is_waited_for_by_devices_not_by_mint, forced_variant_is_used,
        help_names_the_variants_there_are,
        dry_run_plans_and_does_not_search)
